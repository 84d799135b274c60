import type { Batch } from '../kernel.ts';

/** @throws Error if a batch has not as many answers as requests, which is a fault of the program: answers would be mistaken */
export function assertAnswered(batch: Batch, answers: Int32Array): void {
  if (answers.length !== batch.size) {
    throw new Error(`${answers.length} answers to a batch of ${batch.size} requests`);
  }
}
