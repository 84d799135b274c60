import { Origin } from '../../flow/change.ts';
import type { Batch, Dump, Kernel, KernelSink } from '../../kernel/kernel.ts';

/** Returns whether the flow `bytes[0, length)` is to be removed. */
export type FlowTest = (bytes: Uint8Array, length: number) => boolean;

/** Removes flows from the kernel's table, a part at a time. The removals count as our own: the peer keeps the flows. */
export class KernelFlush {
  private readonly kernel: Kernel;
  private readonly batch: Batch;
  private readonly dump: Dump;
  private readonly sink: KernelSink;
  removed = 0;

  constructor(kernel: Kernel, test: FlowTest) {
    this.kernel = kernel;
    this.batch = kernel.batch(Origin.COMMIT);
    this.dump = kernel.dumpFlows();
    this.sink = {
      flow: (_change, _origin, bytes, length) => {
        if (!test(bytes, length)) return;
        this.batch.remove(bytes, 0, length);
        if (this.batch.full) this.run();
      },
      expectation: () => {},
      traffic: () => {},
    };
  }

  /**
   * Removes some more flows. Returns whether none are left.
   * @throws KernelError
   */
  step(): boolean {
    const done = this.dump.step(this.sink);
    if (this.batch.size > 0) this.run();
    return done;
  }

  /** Gives up before the end. */
  close(): void {
    this.dump.close();
  }

  /** Runs the batch. A flow that ended meanwhile is no failure. */
  private run(): void {
    const answers = this.kernel.run(this.batch);
    for (let n = 0; n < this.batch.size; n++) if (answers[n] === 0) this.removed++;
    this.batch.clear();
  }
}
