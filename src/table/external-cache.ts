import { Cache } from './cache.ts';

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
    const slot = this.table.find(bytes, start, end);
    if (slot < 0) return this.create(bytes, start, end, now);
    this.merge(slot, bytes, start, end, now);
    return slot;
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
