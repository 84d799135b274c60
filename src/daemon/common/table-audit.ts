import { Origin } from '../../flow/change.ts';
import type { RecordKind } from '../../kernel/apply/record-kind.ts';
import type { Batch, Dump, Kernel, KernelSink } from '../../kernel/kernel.ts';
import { Errno } from '../../system/errno.ts';
import { type RecordTable, SlotState } from '../../table/record-table.ts';

/** A cache of the kernel's flows or expectations that knows which of them the kernel has spoken of lately. */
export interface AuditedCache {
  readonly table: RecordTable;
  /** From here on, `touched` says which records the kernel has spoken of. */
  beginAudit(): void;
  touched(slot: number): boolean;
}

/**
 * Brings a cache back in line with the kernel's table after events were lost: what a dump shows is given to a sink, and
 * what neither the dump nor an event spoke of is asked for, and told if it is gone.
 */
export class TableAudit {
  private readonly kernel: Kernel;
  private readonly kind: RecordKind;
  private readonly cache: AuditedCache;
  private readonly sink: KernelSink;
  private readonly gone: (slot: number) => void;
  private readonly batch: Batch;
  private readonly asked: number[] = [];
  private dump: Dump | undefined;
  private slot = 0;
  /** How many records the kernel has not got any more. */
  purged = 0;

  /**
   * @param sink takes the entries of the dump, and puts them into the cache
   * @param gone is told the records that the kernel has not got any more
   */
  constructor(
    kernel: Kernel,
    kind: RecordKind,
    cache: AuditedCache,
    sink: KernelSink,
    gone: (slot: number) => void,
  ) {
    this.kernel = kernel;
    this.kind = kind;
    this.cache = cache;
    this.sink = sink;
    this.gone = gone;
    this.batch = kernel.batch(Origin.OTHER);
    cache.beginAudit();
    this.dump = kind.dump(kernel);
  }

  /**
   * Looks at some more records and says whether that were all.
   * @throws KernelError
   */
  step(): boolean {
    if (this.dump === undefined) return this.probe();
    let done = true;
    try {
      done = this.dump.step(this.sink);
    } finally {
      if (done) this.close();
    }
    return false;
  }

  /** Gives up before the end. */
  close(): void {
    this.dump?.close();
    this.dump = undefined;
  }

  private probe(): boolean {
    const { cache, batch, asked } = this;
    const { table } = cache;
    batch.clear();
    asked.length = 0;
    for (; this.slot < table.slots && !batch.full; this.slot++) {
      const state = table.stateOf(this.slot);
      if (state === SlotState.FREE || state === SlotState.DEAD || cache.touched(this.slot)) continue;
      const start = table.offsetOf(this.slot);
      this.kind.probe(batch, table.bytesOf(this.slot), start, start + table.sizeOf(this.slot));
      asked.push(this.slot);
    }
    if (asked.length > 0) {
      const answers = this.kernel.run(batch);
      asked.forEach((slot, n) => {
        if (answers[n] !== Errno.ENOENT) return;
        this.purged++;
        this.gone(slot);
      });
    }
    return this.slot >= table.slots;
  }
}
