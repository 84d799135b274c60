import { Cache } from './cache.ts';
import { SlotState } from './record-table.ts';

/**
 * The peer's kernel table, as its messages describe it. A commit puts these records into this node's kernel.
 */
export class ExternalCache extends Cache {
  /** Handles a NEW message: replaces a known record. Returns the slot, or -1 if the cache is full. */
  replace(bytes: Uint8Array, start: number, end: number, now: number): number {
    const slot = this.table.find(bytes, start, end);
    if (slot < 0) return this.create(bytes, start, end, now);
    this.recreate(slot, bytes, start, end, now);
    return slot;
  }

  /**
   * Handles an UPD message: merges it into a known record, or creates one. Returns the slot, or -1 if the
   * cache is full.
   */
  update(bytes: Uint8Array, start: number, end: number, now: number): number {
    return this.updateFound(this.table.find(bytes, start, end), bytes, start, end, now);
  }

  /** The same when `find` has just returned this slot, or -1. */
  updateFound(slot: number, bytes: Uint8Array, start: number, end: number, now: number): number {
    if (slot < 0) return this.create(bytes, start, end, now);
    this.merge(slot, bytes, start, end, now);
    return slot;
  }

  /**
   * Handles an UPD message that has the whole state of a known record, whose slot `find` has just returned: replaces what it
   * had. Counts as an update.
   */
  restate(slot: number, bytes: Uint8Array, start: number, end: number, now: number): void {
    const { table } = this;
    if (!table.replaceSameLayout(slot, bytes, start, end)) table.replace(slot, bytes, start, end);
    table.setState(slot, SlotState.ALIVE);
    table.setUpdated(slot, now);
    this.counters.updated++;
  }

  /** Handles a DEL message; ignores an unknown record. */
  delete(bytes: Uint8Array, start: number, end: number): void {
    const slot = this.table.find(bytes, start, end);
    if (slot >= 0) this.drop(slot);
  }

  drop(slot: number): void {
    this.countEnd();
    this.table.remove(slot);
  }

  flush(): void {
    this.counters.destroyed += this.counters.active;
    this.counters.active = 0;
    this.table.clear();
  }
}
