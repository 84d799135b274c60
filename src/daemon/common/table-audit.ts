import { Origin } from '../../flow/change.ts';
import type { RecordKind } from '../../kernel/apply/record-kind.ts';
import type { Batch, Dump, Kernel, KernelSink } from '../../kernel/kernel.ts';
import { Errno } from '../../system/errno.ts';
import { type RecordTable, SlotState } from '../../table/record-table.ts';

/** A cache of the kernel's flows or expectations that knows which of them an event or a dump has shown lately. */
export interface AuditedCache {
  readonly table: RecordTable;
  /** Forgets which records an event or a dump has shown: {@link touched} reports those since this call. */
  beginAudit(): void;
  touched(slot: number): boolean;
}

/**
 * Brings a cache back in line with the kernel's table after events were lost: gives what a dump shows to a sink, asks the
 * kernel for each record that neither the dump nor an event showed, and reports those that are gone.
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
  /** How many records the kernel no longer has. */
  purged = 0;

  /**
   * @param sink stores the entries of the dump in the cache
   * @param gone takes the slots of records that the kernel no longer has
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
   * Checks some more records. Returns whether none are left.
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
