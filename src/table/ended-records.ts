import { assert } from '../bytes/assert.ts';
import type { Keyer } from './key.ts';
import { RecordTable } from './record-table.ts';

/**
 * Remembers the entries destroyed during a dump of the kernel's table.
 *
 * The kernel reads entries some time before this process sees them. If a destroy event has arrived in
 * between, the dumped entry is stale; adding it would revive a dead flow for good. If the dumped entry is a
 * newer flow with the same key, its creation event is still to come.
 */
export class EndedRecords {
  /** Entries destroyed since the dump began, without a later event that they are alive. */
  readonly table: RecordTable;
  private dumps = 0;

  /**
   * @param limit maximum number of records to remember; the next audit of the whole table finds any beyond
   * it
   */
  constructor(keyer: Keyer, limit: number, fastPaths = true) {
    this.table = new RecordTable(keyer, limit, fastPaths);
  }

  /** Whether a dump is running, so that {@link ended} and {@link lives} must be called. */
  get watching(): boolean {
    return this.dumps > 0;
  }

  beginDump(): void {
    this.dumps++;
  }

  endDump(): void {
    this.dumps--;
    assert(this.dumps >= 0, 'more dumps ended than began');
    if (this.dumps === 0 && this.table.size > 0) this.table.clear();
  }

  /** Records a destroy event for `bytes[0, length)`. */
  ended(bytes: Uint8Array, length: number): void {
    if (this.table.find(bytes, 0, length) < 0) this.table.add(bytes, 0, length, 0);
  }

  /** Records an event that shows `bytes[0, length)` alive. */
  lives(bytes: Uint8Array, length: number): void {
    const slot = this.table.find(bytes, 0, length);
    if (slot >= 0) this.table.remove(slot);
  }

  /** Whether the last event about `bytes[0, length)` was its destruction. */
  has(bytes: Uint8Array, length: number): boolean {
    return this.table.find(bytes, 0, length) >= 0;
  }
}
