import { assert } from '../bytes/assert.ts';
import { RECORD_MAX } from '../wire/attribute.ts';
import { saysNothingNew } from '../wire/compare.ts';
import { mergeRecords, type RecordFormat } from '../wire/record.ts';
import { type CacheCounters, cacheCounters } from './counters.ts';
import type { Digest } from './digest.ts';
import type { Keyer } from './key.ts';
import { RecordTable, SlotState } from './record-table.ts';

/** Scratch memory for a merge. A merged record has every attribute once, so it fits. */
const merged = new Uint8Array(RECORD_MAX);

/**
 * Common base of the internal and the external cache: records by key under a limit, created, merged and
 * counted as in the C node.
 */
export class Cache {
  readonly table: RecordTable;
  readonly counters: CacheCounters = cacheCounters();
  private readonly format: RecordFormat;

  /**
   * @param limit HashLimit: maximum number of records, dead ones included
   * @param fastPaths see {@link RecordTable}
   */
  constructor(format: RecordFormat, keyer: Keyer, limit: number, fastPaths = true) {
    this.format = format;
    this.table = new RecordTable(keyer, limit, fastPaths);
  }

  /** What a peer with the same records says of its own. */
  get digest(): Digest {
    return { sum: this.table.digest, count: this.counters.active };
  }

  /** Adds a record that {@link RecordTable.find} has just failed to find; -1 if the cache is full. */
  protected create(bytes: Uint8Array, start: number, end: number, now: number): number {
    const slot = this.table.add(bytes, start, end, now);
    if (slot < 0) {
      this.counters.createFailed++;
      this.counters.createFailedFull++;
      return -1;
    }
    this.counters.created++;
    this.counters.active++;
    return slot;
  }

  /** Replaces a known record by a new one. Counted as one deletion and one creation, as in the C node. */
  protected recreate(slot: number, bytes: Uint8Array, start: number, end: number, now: number): void {
    const { table, counters } = this;
    if (table.stateOf(slot) !== SlotState.DEAD) counters.destroyed++;
    else counters.active++;
    counters.created++;
    table.replace(slot, bytes, start, end);
    table.setState(slot, SlotState.NEW);
    table.setCreated(slot, now);
    table.setUpdated(slot, now);
  }

  /** Merges an update into a known record: attributes that the update lacks stay. */
  protected merge(slot: number, bytes: Uint8Array, start: number, end: number, now: number): void {
    const { table } = this;
    if (!table.replaceSameLayout(slot, bytes, start, end)) {
      const at = table.offsetOf(slot);
      const knownEnd = at + table.sizeOf(slot);
      const size = mergeRecords(this.format, table.bytesOf(slot), at, knownEnd, bytes, start, end, merged, 0);
      table.replace(slot, merged, 0, size);
    }
    table.setState(slot, SlotState.ALIVE);
    table.setUpdated(slot, now);
    this.counters.updated++;
  }

  /** Returns whether a merge of the record `bytes[start, end)` would change nothing that counts: see `saysNothingNew`. */
  agrees(slot: number, bytes: Uint8Array, start: number, end: number): boolean {
    const { table } = this;
    const at = table.offsetOf(slot);
    return saysNothingNew(this.format, table.bytesOf(slot), at, at + table.sizeOf(slot), bytes, start, end);
  }

  /** Counts the deletion of a record that is not dead. */
  protected countEnd(): void {
    this.counters.destroyed++;
    this.counters.active--;
    assert(this.counters.active >= 0, 'more records ended than were there');
  }
}
