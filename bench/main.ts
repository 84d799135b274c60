/** Compares the program with C nodes: a pair of each implementation does the same work in turn. See docs/performance.md. */

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { raiseTableLimit } from '../sim/load/table-limit.ts';
import { missingForLab } from '../sim/netns/lab.ts';
import { type FailoverResults, runFailovers } from './failover/run.ts';
import { type Contender, type Findings, IMPLEMENTATIONS, type Measure } from './figure.ts';
import { inParallel } from './in-parallel.ts';
import { MEASURES } from './measures.ts';
import { type BenchOptions, parseOptions, USAGE } from './options.ts';
import { OTHER_NODE } from './pair/pair.ts';
import { failoverTablesOf } from './report/failover-table.ts';
import { jsonOf } from './report/json.ts';
import { svgOf } from './report/svg.ts';
import { tableOf } from './report/table.ts';
import { type Result, type Round, resultOf } from './result.ts';

/** One measure of one contender, in one round. */
interface Task {
  readonly measure: Measure;
  readonly contender: Contender;
  readonly round: number;
}

const CONTENDERS: readonly Contender[] =
  OTHER_NODE === undefined ? IMPLEMENTATIONS : [...IMPLEMENTATIONS, 'other'];

/** Where only correctness counts, the pairs run in parallel and wait for their timers at the same time. */
const QUICK_AT_A_TIME = 6;

/** The measure of its own kind: it compares more than two ways, and is not part of a run of everything. */
const FAILOVER = 'failover';

function chosen({ only }: BenchOptions): readonly Measure[] {
  const known = [...MEASURES.map(({ name }) => name), FAILOVER];
  const unknown = only.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    throw new RangeError(`no measure ${unknown.join(', ')}; there are ${known.join(', ')}`);
  }
  return only.length === 0 ? MEASURES : MEASURES.filter(({ name }) => only.includes(name));
}

/** The contenders take turns in running first, so that other load on the machine affects all. */
function tasksOf(measures: readonly Measure[], round: number): Task[] {
  const contenders = round % 2 === 0 ? CONTENDERS : CONTENDERS.toReversed();
  return measures.flatMap((measure) => contenders.map((contender) => ({ measure, contender, round })));
}

async function perform({ measure, contender, round }: Task, options: BenchOptions): Promise<Findings> {
  const begin = performance.now();
  try {
    return await measure.run(contender, options.sizes);
  } catch (error) {
    throw new Error(`${measure.name}, round ${round + 1}, ${contender}: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    const seconds = ((performance.now() - begin) / 1000).toFixed(1);
    console.error(`${measure.name}, round ${round + 1} of ${options.rounds}, ${contender}: ${seconds} s`);
  }
}

/** What each measure found in one round. */
async function runRound(round: number, options: BenchOptions): Promise<ReadonlyMap<Measure, Round>> {
  const measures = chosen(options);
  const tasks = tasksOf(measures, round);
  // The last measure opens two pairs, one after the other: started first, it runs beside others until the end.
  if (options.quick) tasks.reverse();
  const findings = await inParallel(
    tasks.map((task) => () => perform(task, options)),
    options.quick ? QUICK_AT_A_TIME : 1,
  );
  return new Map(
    measures.map((measure) => {
      const of = (contender: Contender) =>
        findings[tasks.findIndex((task) => task.measure === measure && task.contender === contender)]!;
      return [
        measure,
        { c: of('c'), ours: of('ours'), ...(OTHER_NODE === undefined ? {} : { other: of('other') }) },
      ];
    }),
  );
}

/** @param write gets the results of all rounds so far after each one: a long run that is interrupted leaves what it has */
async function runAll(options: BenchOptions, write: (results: readonly Result[]) => void): Promise<Result[]> {
  const rounds: ReadonlyMap<Measure, Round>[] = [];
  let results: Result[] = [];
  for (let round = 0; round < options.rounds; round++) {
    rounds.push(await runRound(round, options));
    results = chosen(options).flatMap((measure) =>
      measure.figures(options.sizes).map((figure) =>
        resultOf(
          measure.name,
          figure,
          rounds.map((found) => found.get(measure)!),
        ),
      ),
    );
    write(results);
  }
  return results;
}

function parsedOptions(): BenchOptions {
  try {
    const options = parseOptions(process.argv.slice(2));
    chosen(options);
    return options;
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`);
    process.exit(2);
  }
}

/** What the Node at this path calls itself; asked before the bench begins, for a wrong path should not be found after minutes. */
function nodeAt(path: string): string {
  try {
    return `Node ${execFileSync(path, ['-p', 'process.version'], { encoding: 'utf8' }).trim()}`;
  } catch (error) {
    console.error(
      `BENCH_OTHER_NODE: expected the path of a Node, \`${path}' is none: ${(error as Error).message}`,
    );
    process.exit(1);
  }
}

const options = parsedOptions();
/** What the failover measure needs beside the others' programs. */
const needed = options.only.includes(FAILOVER)
  ? [
      'chrt',
      ...(options.failover.variants.some(({ decider }) => decider === 'keepalived') ? ['keepalived'] : []),
    ]
  : [];
const missing = missingForLab(['conntrackd', ...needed]);
if (missing.length > 0) {
  console.error(`the bench needs ${missing.join(', ')}`);
  process.exit(1);
}

const { flows, memory } = options.sizes;
process.on(
  'exit',
  raiseTableLimit(Math.ceil(Math.max(flows, ...memory, ...options.failover.idleFlows) * 1.1)),
);
// The exit handler restores the raised limit; the laboratories clean up themselves.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

const otherNode = OTHER_NODE === undefined ? undefined : nodeAt(OTHER_NODE);

function writeJson(results: readonly Result[], failovers?: FailoverResults): void {
  if (options.json !== undefined) writeFileSync(options.json, jsonOf(results, failovers, options, otherNode));
}

const results = await runAll(options, writeJson);
if (results.length > 0) console.log(tableOf(results, otherNode));
let failovers: FailoverResults | undefined;
if (options.only.includes(FAILOVER)) {
  failovers = await runFailovers(options.failover);
  console.log(failoverTablesOf(failovers));
}
if (options.quick) console.log('quick: every check of correctness passed; the figures mean little');
writeJson(results, failovers);
if (options.svg !== undefined) {
  writeFileSync(
    options.svg,
    svgOf(results.filter(({ target, ratio }) => target !== undefined && Number.isFinite(ratio.median))),
  );
}
