import { readFileSync, writeFileSync } from 'node:fs';
import type { Batch } from './batch.ts';
import type { SimCommand } from './command-line.ts';
import { compareFastPaths } from './fast-paths.ts';
import { describeFault } from './faults.ts';
import { printGroupFigures } from './group-figures.ts';
import { drawOptions } from './options.ts';
import { record, replay } from './recording.ts';
import { addOutcome, clusterText, noTotals, type Totals, totalsText, traceEventText } from './report.ts';
import { SCENARIOS } from './scenarios.ts';
import { drawSeveral } from './several/options.ts';
import { simulateSeveral } from './several/simulation.ts';
import { shrink } from './shrink.ts';
import { type Outcome, simulate } from './simulation.ts';
import { runInWorkerPool } from './worker-pool.ts';

/** How many of a failed run's last events are printed. */
const LAST_EVENTS = 40;
/** Milliseconds between two lines of progress. */
const PROGRESS_MS = 2000;

function print(text: string): void {
  console.log(text);
}

/** Prints a line of progress to stderr at intervals. */
function progressLine(): (text: () => string) => void {
  let last = performance.now();
  return (text) => {
    const now = performance.now();
    if (now - last < PROGRESS_MS) return;
    last = now;
    console.error(text());
  };
}

/** Runs one seed. Returns whether all rules held. */
export async function runSeed(command: SimCommand): Promise<boolean> {
  const options = drawOptions(command.settings);
  print(`seed ${options.seed}: ${clusterText(options)}`);
  const begun = performance.now();
  const progress = progressLine();
  const outcome = await simulate(options, {
    ...(command.trace && { trace: (event) => print(traceEventText(event)) }),
    progress: (steps, time) =>
      progress(() => `${steps} steps, ${(time / 1000).toFixed(0)} s of virtual time, ${elapsed(begun)}`),
  });
  const totals = noTotals();
  addOutcome(totals, outcome);
  print(totalsText(totals, (performance.now() - begun) / 1000));
  if (command.record !== undefined) {
    const { recording } = await record(options);
    writeFileSync(command.record, recording);
    print(`recorded in ${command.record}: ${recording.length} bytes`);
  }
  if (outcome.violation === undefined) {
    print('all rules held');
    return true;
  }
  await reportFailure(outcome);
  if (command.shrink) await shrinkFailure(outcome, command.record);
  return false;
}

/** Runs seeds with and without fast paths, one after the other. Returns whether their traces were equal. */
export async function runBothPaths(command: SimCommand): Promise<boolean> {
  const { seed } = command.settings;
  const runs = command.runs ?? 1;
  const progress = progressLine();
  for (let n = 0; n < runs; n++) {
    const difference = await compareFastPaths({ ...command.settings, seed: seed + n });
    if (difference !== undefined) {
      print(`seed ${seed + n} differs: ${difference}`);
      return false;
    }
    progress(() => `${n + 1} seeds, each both ways: equal`);
  }
  print(`${runs} seeds from ${seed} on: the same traces with fast paths and without`);
  return true;
}

/** Runs many seeds on all cores. Returns whether all rules held. */
export async function runSeeds(command: SimCommand): Promise<boolean> {
  const { seed, ...settings } = command.settings;
  const batch: Batch = {
    seed,
    step: 1,
    runs: command.runs ?? Number.MAX_SAFE_INTEGER,
    seconds: command.minutes === undefined ? Number.POSITIVE_INFINITY : command.minutes * 60,
    settings,
  };
  const count = command.runs === undefined ? `for ${command.minutes} minutes` : `${command.runs} runs`;
  print(`seeds from ${seed} on, ${count} of at least ${settings.steps} steps`);
  const begun = performance.now();
  const progress = progressLine();
  const { totals, failed } = await runInWorkerPool(batch, (now: Totals) =>
    progress(() => `${now.runs} runs, ${now.steps} steps, ${elapsed(begun)}: all rules held`),
  );
  print(totalsText(totals, (performance.now() - begun) / 1000));
  if (failed.length === 0) {
    print('all rules held');
    return true;
  }
  const first = Math.min(...failed);
  const outcome = await simulate(drawOptions({ ...command.settings, seed: first }));
  await reportFailure(outcome);
  if (command.shrink) await shrinkFailure(outcome, command.record);
  return false;
}

/** Runs seeds of several active nodes, one after the other. Returns whether all rules held. */
export async function runSeveral(command: SimCommand): Promise<boolean> {
  const { settings, runs = 1, trace } = command;
  const begun = performance.now();
  const progress = progressLine();
  const sums = { steps: 0, time: 0, packets: 0, faults: 0, datagrams: 0, breaks: 0 };
  for (let n = 0; n < runs; n++) {
    const options = drawSeveral({ ...settings, seed: settings.seed + n });
    const { nodes, kind, faults, population, asymmetric, loss } = options;
    const text = `${nodes.length} active nodes, ${population} connections, ${Math.round(100 * asymmetric)} % asymmetric, ${Math.round(100 * loss)} % loss, faults: ${kind} ${faults}`;
    if (runs === 1) print(`seed ${options.seed}: ${text}`);
    const outcome = await simulateSeveral(
      options,
      trace ? (event) => print(traceEventText(event)) : undefined,
    );
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += outcome[name];
    if (outcome.violation !== undefined) {
      print(`\nVIOLATION at step ${outcome.steps}, seed ${options.seed}: ${outcome.violation.message}`);
      print(`${text}\nagain: npm run sim -- ${againText(options)}`);
      return false;
    }
    progress(() => `${n + 1} runs, ${sums.steps} steps, ${elapsed(begun)}: all rules held`);
  }
  print(
    `${runs} runs, ${sums.steps} steps, ${Math.round(sums.time / 1000)} s of virtual time, ${sums.packets} packets, ` +
      `${sums.datagrams} datagrams, ${sums.faults} faults, ${sums.breaks} connections cut off by faults (${elapsed(begun)})`,
  );
  print('all rules held');
  return true;
}

/** Prints what groups send, and how long they take to come to rest. */
export async function runGroupFigures({ settings, seedGiven, runs = 1 }: SimCommand): Promise<void> {
  await printGroupFigures(seedGiven ? settings.seed : 1, runs, print);
}

/** Runs a recording again. Returns whether it was the same. */
export async function replayRecording(path: string): Promise<boolean> {
  const { outcome, events, difference } = await replay(readFileSync(path));
  print(clusterText(outcome.options));
  if (outcome.violation) print(`the run ends in a violation: ${outcome.violation.message}`);
  if (difference === undefined) {
    print(`the same again: ${events} events, ${outcome.steps} steps`);
    return true;
  }
  print(`it differs at event ${difference.index}:`);
  print(`  recorded: ${difference.recorded}`);
  print(`  replayed: ${difference.replayed}`);
  return false;
}

export function listScenarios(): void {
  for (const { name, title } of SCENARIOS) print(`${name.padEnd(20)} ${title}`);
}

/** Plays a scenario with C's daemon and with ours. Returns whether it ends as expected: C's fails, and ours holds. */
export async function runScenario(name: string): Promise<boolean> {
  const scenario = SCENARIOS.find((one) => one.name === name);
  if (scenario === undefined) {
    const names = SCENARIOS.map((one) => one.name).join(', ');
    throw new Error(`there is no scenario "${name}"; there are ${names}`);
  }
  print(scenario.title);
  let asExpected = true;
  for (const program of ['c', 'ours'] as const) {
    print(`\n${program === 'c' ? "the model of C's daemon" : 'conntrackd-ts'}:`);
    const violation = await scenario.play(program, (text) => print(`  ${text}`));
    print(violation === undefined ? '  HOLDS: all tables agree' : `  FAILS: ${violation.message}`);
    if ((violation === undefined) !== (program === 'ours')) asExpected = false;
  }
  return asExpected;
}

async function reportFailure(outcome: Outcome): Promise<void> {
  const last: string[] = [];
  await simulate(outcome.options, {
    script: outcome.script,
    trace: (event) => {
      last.push(traceEventText(event));
      if (last.length > LAST_EVENTS) last.shift();
    },
  });
  print(`\nthe last events of seed ${outcome.options.seed}:`);
  for (const line of last) print(line);
  print(`\nVIOLATION at step ${outcome.steps}, seed ${outcome.options.seed}: ${outcome.violation!.message}`);
  print(`again: npm run sim -- ${againText(outcome.options)}`);
}

async function shrinkFailure(failing: Outcome, path: string | undefined): Promise<void> {
  print(`\nsearching for a smaller script than ${failing.script.length} faults`);
  const progress = progressLine();
  const { options, script, outcome, tries } = await shrink(failing, (faults, tried) =>
    progress(() => `${faults} faults after ${tried} runs`),
  );
  print(`${script.length} faults are enough, after ${tries} runs: ${clusterText(options)}`);
  for (const fault of script) print(`  ${describeFault(fault)}`);
  print(`VIOLATION at step ${outcome.steps}: ${outcome.violation!.message}`);
  const file = path ?? `sim-${options.seed}.trace`;
  const { recording } = await record(options, script);
  writeFileSync(file, recording);
  print(`recorded in ${file}; again: npm run sim -- --replay ${file}`);
}

/** The options of the command line that run this seed again. */
function againText({ seed }: { readonly seed: number }): string {
  const given = process.argv.slice(2).join(' ');
  const kept = given.replace(/--(seed|runs|minutes|record)[= ]\S+ ?/g, '').replace('--shrink', '');
  return `--seed ${seed} ${kept}`.trim();
}

function elapsed(begun: number): string {
  return `${((performance.now() - begun) / 1000).toFixed(0)} s`;
}
