/** Runs a batch in its own thread: `worker-pool.ts` starts it and receives the outcome of each run. */

import { parentPort, workerData } from 'node:worker_threads';
import { type Batch, runBatch } from './batch.ts';
import { addOutcome, noTotals } from './report.ts';

const { failure } = await runBatch(workerData as Batch, (outcome) => {
  const totals = noTotals();
  addOutcome(totals, outcome);
  parentPort!.postMessage({ totals });
});
if (failure) parentPort!.postMessage({ failed: failure.options.seed });
