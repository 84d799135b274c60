/** The fuzzer: `npm run fuzz -- ...`. Exit code 1 if it found something. */

import { type FuzzCommand, parseFuzzArguments, USAGE } from './arguments.ts';
import { CORPUS_FILE, readCorpus, writeCorpus } from './corpus.ts';
import { type CorpusGrowth, growCorpus } from './corpus-growth.ts';
import { Coverage } from './coverage.ts';
import { fuzzInProcess } from './in-process.ts';
import { Progress } from './progress.ts';
import { readReport, writeReport } from './report.ts';
import { type Finding, tryInput } from './session.ts';
import { makeTargets } from './targets.ts';

type Of<Kind extends FuzzCommand['kind']> = Extract<FuzzCommand, { kind: Kind }>;

const HEX_SHOWN = 200;

function hex(bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('hex');
  return text.length <= HEX_SHOWN ? text : `${text.slice(0, HEX_SHOWN)}... (${bytes.length} bytes)`;
}

function sayFinding({ target, message, input }: Finding): void {
  console.log(`FOUND ${target}: ${message}\n  ${hex(input)}`);
}

async function runInProcess(command: Of<'in-process'>): Promise<number> {
  const { seed, report } = command;
  console.log(`in process, seed ${seed}`);
  const progress = new Progress('cases');
  const { cases, perTarget, findings } = await fuzzInProcess(command, progress, (finding) => {
    progress.pause();
    sayFinding(finding);
  });
  progress.pause();
  for (const [name, count] of perTarget) console.log(`  ${name}: ${count.toLocaleString('en-US')} cases`);
  console.log(progress.text(cases, findings.length));
  if (findings.length === 0) return 0;
  writeReport(report, { kind: 'in-process', seed, cases, node: process.version, findings });
  console.log(`replay with: npm run fuzz -- --replay ${report}`);
  return 1;
}

/** How long each target's corpus grows, in milliseconds. */
const GROWTH_TIME = 10_000;

async function record({ seed, only }: Of<'in-process'>): Promise<number> {
  const corpus = new Map(readCorpus());
  const shown = ({ tried, bySeeds, inAll, kept }: CorpusGrowth) =>
    `${tried} inputs, ${bySeeds} to ${inAll} characters of code, ${kept.length} inputs reach something new`;
  const coverage = new Coverage('/dist/src/');
  await coverage.start();
  for (const target of makeTargets(only)) {
    const options = { seed, milliseconds: GROWTH_TIME };
    const blind = await growCorpus(target, corpus, coverage, { ...options, guided: false });
    const guided = await growCorpus(target, corpus, coverage, { ...options, guided: true });
    console.log(`${target.name}:\n  blind:  ${shown(blind)}\n  guided: ${shown(guided)}`);
    corpus.set(target.name, [...(corpus.get(target.name) ?? []), ...guided.kept]);
  }
  await coverage.stop();
  writeCorpus(corpus, 'npm run fuzz -- --in-process --record: inputs that reach code which the seeds do not');
  console.log(`kept in ${CORPUS_FILE}`);
  return 0;
}

async function replay({ file }: Of<'replay'>): Promise<number> {
  const report = readReport(file);
  if (report.kind === 'live') {
    const { replayLive } = await import('./live/run.ts');
    return replayLive(report);
  }
  let failed = 0;
  for (const { target: name, input, message } of report.findings) {
    const [target] = makeTargets([name]);
    const result = await tryInput(target!, Uint8Array.from(input), input.length);
    const holds = typeof result === 'number';
    if (!holds) failed++;
    console.log(holds ? `no more: ${name}: ${message}` : `STILL ${name}: ${result}\n  ${hex(input)}`);
  }
  return failed === 0 ? 0 : 1;
}

async function runFlood({ mode, seed, datagrams }: Of<'flood'>): Promise<number> {
  const { flood } = await import('./live/flood.ts');
  console.log(`flood, mode ${mode}, seed ${seed}`);
  const progress = new Progress('datagrams');
  const result = await flood(mode, seed, datagrams, (sent) => progress.update(sent, 0));
  progress.pause();
  const { memory, seconds, counted, expected, missingAtPeer, missingHere } = result;
  console.log(
    `${datagrams} datagrams in ${seconds.toFixed(1)} s, at most ${Math.round(memory / 1e6)} MB resident`,
  );
  for (const [name, count] of Object.entries(counted))
    console.log(`  ${name}: ${count} of ${expected[name]}`);
  console.log(`afterwards the peer lacks ${missingAtPeer} flows, the node ${missingHere}`);
  return missingAtPeer + missingHere === 0 ? 0 : 1;
}

async function runCommand(command: FuzzCommand): Promise<number> {
  switch (command.kind) {
    case 'help':
      console.log(USAGE);
      return 0;
    case 'replay':
      return replay(command);
    case 'in-process':
      return command.record ? record(command) : runInProcess(command);
    case 'flood':
      return runFlood(command);
    case 'live': {
      const { fuzzLive } = await import('./live/run.ts');
      return fuzzLive(command.live, command.report);
    }
  }
}

/** Resolves to the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  let command: FuzzCommand;
  try {
    command = parseFuzzArguments(args);
  } catch (error) {
    console.error(`fuzz: ${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  return runCommand(command);
}
