import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Batch } from './batch.ts';
import { addTotals, noTotals, type Totals } from './report.ts';

export interface PoolResult {
  readonly totals: Totals;
  /** Seeds of the runs that ended in a violation, the first of each thread. */
  readonly failed: readonly number[];
}

/** Runs a batch on all cores. After the first failure the others finish their current runs. */
export async function runInWorkerPool(batch: Batch, progress: (totals: Totals) => void): Promise<PoolResult> {
  const threads = Math.max(1, Math.min(availableParallelism(), batch.runs));
  const totals = noTotals();
  const failed: number[] = [];
  const workers = Array.from({ length: threads }, (_, thread) => {
    const part: Batch = {
      ...batch,
      seed: batch.seed + thread * batch.step,
      step: batch.step * threads,
      runs: Math.ceil((batch.runs - thread) / threads),
    };
    return new Worker(new URL(`./batch-worker${import.meta.url.slice(-3)}`, import.meta.url), {
      workerData: part,
    });
  });
  const ends = workers.map(
    (worker) =>
      new Promise<void>((resolve, reject) => {
        worker.on('message', (message: { totals?: Totals; failed?: number }) => {
          if (message.totals) addTotals(totals, message.totals);
          if (message.failed === undefined) {
            progress(totals);
            return;
          }
          failed.push(message.failed);
          for (const other of workers) if (other !== worker) void other.terminate();
        });
        worker.on('error', reject);
        worker.on('exit', () => resolve());
      }),
  );
  await Promise.all(ends);
  return { totals, failed };
}
