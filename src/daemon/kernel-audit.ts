import { Change, Origin } from '../flow/change.ts';
import { Errno } from '../kernel/errno.ts';
import type { Batch, Dump, Kernel, KernelSink } from '../kernel/kernel.ts';
import { Item } from '../sync/message-queues.ts';
import type { Replica } from '../sync/replica.ts';
import { SlotState } from '../table/record-table.ts';
import type { FlowTest } from './kernel-flush.ts';

/**
 * Brings the internal cache back in line with the kernel's table after events were lost: what a dump shows is updated
 * and sent, and what neither the dump nor an event spoke of is asked for, and purged if it is gone.
 */
export class KernelAudit {
  private readonly kernel: Kernel;
  private readonly replica: Replica;
  private readonly test: FlowTest;
  private readonly batch: Batch;
  private readonly asked: number[] = [];
  private dump: Dump | undefined;
  private slot = 0;
  purged = 0;

  constructor(kernel: Kernel, replica: Replica, test: FlowTest) {
    this.kernel = kernel;
    this.replica = replica;
    this.test = test;
    this.batch = kernel.batch(Origin.OTHER);
    replica.internal.flows.beginAudit();
    this.dump = kernel.dumpFlows();
  }

  /**
   * Looks at some more flows and says whether that were all.
   * @throws KernelError
   */
  step(now: number): boolean {
    if (this.dump) {
      this.readDump(this.dump, now);
      return false;
    }
    return this.probe();
  }

  /** Gives up before the end. */
  close(): void {
    this.dump?.close();
    this.dump = undefined;
  }

  private readDump(dump: Dump, now: number): void {
    const sink: KernelSink = {
      flow: (_change, _origin, bytes, length) => {
        if (this.test(bytes, length)) {
          this.replica.kernelChange(Item.FLOW, Change.UPDATE, Origin.OTHER, bytes, length, now);
        }
      },
      expectation: () => {},
      traffic: () => {},
    };
    let done = true;
    try {
      done = dump.step(sink);
    } finally {
      if (done) this.close();
    }
  }

  private probe(): boolean {
    const cache = this.replica.internal.flows;
    const { table } = cache;
    this.batch.clear();
    this.asked.length = 0;
    for (; this.slot < table.slots && !this.batch.full; this.slot++) {
      const state = table.stateOf(this.slot);
      if (state === SlotState.FREE || state === SlotState.DEAD || cache.touched(this.slot)) continue;
      const start = table.offsetOf(this.slot);
      this.batch.probe(table.bytesOf(this.slot), start, start + table.sizeOf(this.slot));
      this.asked.push(this.slot);
    }
    if (this.asked.length > 0) {
      const answers = this.kernel.run(this.batch);
      this.asked.forEach((slot, n) => {
        if (answers[n] !== Errno.ENOENT) return;
        this.replica.purge(Item.FLOW, slot);
        this.purged++;
      });
    }
    return this.slot >= table.slots;
  }
}
