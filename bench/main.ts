/** The program against C nodes: the same work by a pair of each kind, in turn, as ratios. See docs/performance.md. */

import { writeFileSync } from 'node:fs';
import { missingForLab } from '../sim/netns/lab.ts';
import { type Findings, KINDS, type Kind, type Measure } from './figure.ts';
import { MEASURES } from './measures.ts';
import { type BenchOptions, parseOptions, USAGE } from './options.ts';
import { raiseTableLimit } from './pair/table-limit.ts';
import { jsonOf } from './report/json.ts';
import { tableOf } from './report/table.ts';
import { type Result, resultOf } from './result.ts';

type Round = Record<Kind, Findings>;

function chosen({ only }: BenchOptions): readonly Measure[] {
  const unknown = only.filter((name) => !MEASURES.some((measure) => measure.name === name));
  if (unknown.length > 0) {
    throw new RangeError(
      `no measure ${unknown.join(', ')}; there are ${MEASURES.map(({ name }) => name).join(', ')}`,
    );
  }
  return only.length === 0 ? MEASURES : MEASURES.filter(({ name }) => only.includes(name));
}

/** The kinds take turns in being first, so that what the machine does meanwhile meets both. */
async function runRound(measure: Measure, options: BenchOptions, number: number): Promise<Round> {
  const found: Partial<Round> = {};
  for (const kind of number % 2 === 0 ? KINDS : [...KINDS].reverse()) {
    const begin = performance.now();
    found[kind] = await measure.run(kind, options.sizes);
    const seconds = ((performance.now() - begin) / 1000).toFixed(1);
    console.error(`${measure.name}, round ${number + 1} of ${options.rounds}, ${kind}: ${seconds} s`);
  }
  return found as Round;
}

async function runAll(options: BenchOptions): Promise<Result[]> {
  const measures = chosen(options);
  const rounds = new Map<Measure, Round[]>(measures.map((measure) => [measure, []]));
  for (let number = 0; number < options.rounds; number++) {
    for (const measure of measures) rounds.get(measure)!.push(await runRound(measure, options, number));
  }
  return measures.flatMap((measure) =>
    measure
      .figures(options.sizes)
      .map((figure) => resultOf(measure.name, figure, rounds.get(measure)!))
      .filter((result) => result !== undefined),
  );
}

let options: BenchOptions;
try {
  options = parseOptions(process.argv.slice(2));
  chosen(options);
} catch (error) {
  console.error(`${(error as Error).message}\n${USAGE}`);
  process.exit(2);
}
const missing = missingForLab(['conntrackd']);
if (missing.length > 0) {
  console.error(`the bench needs ${missing.join(', ')}`);
  process.exit(1);
}

const { flows, memory } = options.sizes;
const restore = raiseTableLimit(Math.ceil(Math.max(flows, ...memory) * 1.1));
process.on('exit', restore);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(1));
}

const results = await runAll(options);
console.log(tableOf(results));
if (options.quick) console.log('quick: the figures mean little; every check of correctness passed');
if (options.json !== undefined) writeFileSync(options.json, jsonOf(results, options));
