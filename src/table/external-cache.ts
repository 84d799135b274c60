import { Cache } from './cache.ts';

/** What the peer told us of its kernel's table: what a commit puts into ours. */
export class ExternalCache extends Cache {
  /** A NEW message: replaces what is known. Returns the slot, or -1 if the cache is full. */
  replace(bytes: Uint8Array, start: number, end: number, now: number): number {
    const slot = this.table.find(bytes, start, end);
    if (slot < 0) return this.create(bytes, start, end, now);
    this.recreate(slot, bytes, start, end, now);
    return slot;
  }

  /** An UPD message: merged into what is known, or created. Returns the slot, or -1 if the cache is full. */
  update(bytes: Uint8Array, start: number, end: number, now: number): number {
    const slot = this.table.find(bytes, start, end);
    if (slot < 0) return this.create(bytes, start, end, now);
    this.merge(slot, bytes, start, end, now);
    return slot;
  }

  /** A DEL message; what is not known is passed over. */
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
