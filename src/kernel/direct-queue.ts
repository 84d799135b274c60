import { Origin } from '../flow/change.ts';
import { assertAnswered } from './apply/assert-answered.ts';
import type { Batch, BatchQueue, Kernel } from './kernel.ts';

/** A queue whose kernel executes each batch when it is sent: answers are there at once. */
export class DirectQueue implements BatchQueue {
  readonly batch: Batch;
  private readonly kernel: Kernel;
  private answers: Int32Array | undefined;

  /** @throws KernelError if the kernel cannot be reached */
  constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.batch = kernel.batch(Origin.COMMIT);
  }

  get underway(): number {
    return this.answers === undefined ? 0 : 1;
  }

  get isFull(): boolean {
    return this.answers !== undefined;
  }

  get isAnswered(): boolean {
    return this.answers !== undefined;
  }

  send(): void {
    const answers = this.kernel.run(this.batch);
    assertAnswered(this.batch, answers);
    this.answers = answers;
  }

  takeAnswers(): Int32Array {
    const { answers } = this;
    if (answers === undefined) throw new RangeError('no batch is under way');
    this.answers = undefined;
    this.batch.clear();
    return answers;
  }

  close(): void {}
}
