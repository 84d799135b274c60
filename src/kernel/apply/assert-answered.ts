import type { Batch } from '../kernel.ts';

/**
 * Checks that a batch has one answer per request; otherwise answers would be matched to the wrong requests.
 * @throws Error if not, which is a bug
 */
export function assertAnswered(batch: Batch, answers: Int32Array): void {
  if (answers.length !== batch.size) {
    throw new Error(`${answers.length} answers to a batch of ${batch.size} requests`);
  }
}
