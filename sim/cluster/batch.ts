import { drawOptions, type RunSettings } from './options.ts';
import { addOutcome, noTotals, type Totals } from './report.ts';
import { type Outcome, simulate } from './simulation.ts';

/** Runs on one seed after the other. */
export interface Batch {
  /** The first seed, and the difference from one to the next. */
  readonly seed: number;
  readonly step: number;
  /** Maximum number of runs. */
  readonly runs: number;
  /** Seconds of real time after which no further run starts. */
  readonly seconds: number;
  readonly settings: Omit<RunSettings, 'seed'>;
}

export interface BatchResult {
  readonly totals: Totals;
  /** The run that ended in a violation, which ends the batch. */
  readonly failure: Outcome | undefined;
}

/** @param progress called after each run */
export async function runBatch(batch: Batch, progress: (run: Outcome) => void): Promise<BatchResult> {
  const totals = noTotals();
  const begun = performance.now();
  for (let n = 0; n < batch.runs && performance.now() - begun < batch.seconds * 1000; n++) {
    const outcome = await simulate(drawOptions({ ...batch.settings, seed: batch.seed + n * batch.step }));
    addOutcome(totals, outcome);
    progress(outcome);
    if (outcome.violation !== undefined) return { totals, failure: outcome };
  }
  return { totals, failure: undefined };
}
