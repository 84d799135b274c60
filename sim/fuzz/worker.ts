/** A thread of the fuzzer: a session of its own, which runs a given number of cases. */

import { parentPort, workerData } from 'node:worker_threads';
import { readCorpus } from './corpus.ts';
import { Session } from './session.ts';
import { makeTargets } from './targets.ts';

export interface WorkerOptions {
  readonly seed: number;
  readonly stream: number;
  readonly cases: number;
  readonly only: readonly string[];
  readonly memory: SharedArrayBuffer;
  /** Target and length of the input that is tried; then a flag: 1 to stop. */
  readonly state: SharedArrayBuffer;
}

const { seed, stream, cases, only, memory, state } = workerData as WorkerOptions;
const port = parentPort!;
const words = new Int32Array(state);
const targets = makeTargets(only);
const session = new Session(seed, stream, targets, readCorpus(), (finding) => port.postMessage({ finding }), {
  memory,
  state: words,
});

const REPORT_EVERY = 250;
const stopped = () => Atomics.load(words, 2) === 1;
while (session.cases < cases && !stopped()) {
  await session.run(Math.min(REPORT_EVERY, cases - session.cases), stopped);
  port.postMessage({ cases: session.cases, perTarget: session.perTarget });
}
port.postMessage({ done: true });
