import { Origin } from '../../src/flow/change.ts';
import type { Batch, BatchQueue, Kernel } from '../../src/kernel/kernel.ts';

/** Batches under way at most, as of ctnetlink's queue. */
const BATCHES = 4;

/** A queue whose kernel executes the batches some time after they were sent, as one that works in the background does. */
export class LaggingQueue implements BatchQueue {
  private readonly kernel: Kernel;
  private readonly isLate: () => boolean;
  private readonly batches: readonly Batch[];
  private sent = 0;
  private taken = 0;
  /** The answers to the oldest batch under way, once it is executed. */
  private answers: Int32Array | undefined;

  /** @param isLate whether the oldest batch under way has to wait until somebody looks again */
  constructor(kernel: Kernel, isLate: () => boolean) {
    this.kernel = kernel;
    this.isLate = isLate;
    this.batches = Array.from({ length: BATCHES }, () => kernel.batch(Origin.COMMIT));
  }

  get batch(): Batch {
    if (this.isFull) throw new RangeError(`${BATCHES} batches are under way`);
    return this.batches[this.sent % BATCHES]!;
  }

  get underway(): number {
    return this.sent - this.taken;
  }

  get isFull(): boolean {
    return this.underway === BATCHES;
  }

  send(): void {
    if (this.batch.size === 0) throw new RangeError('an empty batch');
    this.sent++;
  }

  get isAnswered(): boolean {
    if (this.underway === 0) return false;
    if (this.answers === undefined && !this.isLate()) this.execute();
    return this.answers !== undefined;
  }

  private execute(): void {
    this.answers = this.kernel.run(this.batches[this.taken % BATCHES]!);
  }

  takeAnswers(): Int32Array {
    if (this.underway === 0) throw new RangeError('no batch is under way');
    if (this.answers === undefined) this.execute();
    const answers = this.answers!;
    this.answers = undefined;
    this.batches[this.taken++ % BATCHES]!.clear();
    return answers;
  }

  close(): void {
    while (this.underway > 0) this.takeAnswers();
  }
}
