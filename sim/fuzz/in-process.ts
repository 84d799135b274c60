import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { INPUT_MAX } from './input.ts';
import type { Progress } from './progress.ts';
import type { Finding } from './session.ts';
import { makeTargets } from './targets.ts';
import type { WorkerOptions } from './worker.ts';

export interface InProcessOptions {
  readonly seed: number;
  readonly cases: number;
  /** As many as the machine has cores unless given. */
  readonly threads?: number;
  /** Names of targets; all of them if empty. */
  readonly only: readonly string[];
  /** The run ends with so many findings. */
  readonly findings: number;
}

export interface InProcessResult {
  readonly cases: number;
  readonly perTarget: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
}

interface Message {
  readonly finding?: Finding;
  readonly cases?: number;
  readonly perTarget?: ReadonlyMap<string, number>;
  readonly done?: boolean;
}

/** A case that takes longer than this hangs, in milliseconds. The machine may be busy with other things. */
const HANGS_AFTER = 30_000;

/** Runs cases in threads, each on its own stream of the seed, and watches that none hangs. */
export async function fuzzInProcess(
  options: InProcessOptions,
  progress: Progress,
  report: (finding: Finding) => void,
): Promise<InProcessResult> {
  const { seed, cases, only, threads = availableParallelism() } = options;
  const names = makeTargets(only).map(({ name }) => name);
  const findings: Finding[] = [];
  const known = new Set<string>();
  const runs = Array.from({ length: threads }, () => ({ cases: 0, perTarget: new Map<string, number>() }));
  const stops: (() => void)[] = [];

  const found = (finding: Finding) => {
    const kind = `${finding.target} ${finding.message.replaceAll(/\d+/g, 'N')}`;
    if (known.has(kind)) return;
    known.add(kind);
    findings.push(finding);
    report(finding);
    if (findings.length >= options.findings) for (const stop of stops) stop();
  };

  const one = (stream: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const share = Math.ceil(cases / threads);
      const memory = new SharedArrayBuffer(INPUT_MAX);
      const state = new SharedArrayBuffer(12);
      const words = new Int32Array(state);
      const workerData: WorkerOptions = { seed, stream, cases: share, only, memory, state };
      const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
      let reportedAt = performance.now();
      stops.push(() => Atomics.store(words, 2, 1));
      const watch = setInterval(() => {
        if (performance.now() - reportedAt < HANGS_AFTER) return;
        const input = new Uint8Array(memory).slice(0, words[1]);
        found({ target: names[words[0]!]!, message: `no answer for ${HANGS_AFTER / 1000} seconds`, input });
        void worker.terminate();
      }, 1000);
      worker.on('message', (message: Message) => {
        reportedAt = performance.now();
        if (message.finding) found({ ...message.finding, input: Uint8Array.from(message.finding.input) });
        if (message.cases !== undefined) {
          runs[stream] = { cases: message.cases, perTarget: new Map(message.perTarget) };
        }
        progress.update(total(runs), findings.length);
      });
      worker.on('error', reject);
      worker.on('exit', () => {
        clearInterval(watch);
        resolve();
      });
    });

  await Promise.all(runs.map((_, stream) => one(stream)));
  const perTarget = new Map<string, number>();
  for (const run of runs) {
    for (const [name, count] of run.perTarget) perTarget.set(name, (perTarget.get(name) ?? 0) + count);
  }
  return { cases: total(runs), perTarget, findings };
}

function total(runs: readonly { readonly cases: number }[]): number {
  return runs.reduce((sum, run) => sum + run.cases, 0);
}
