import type { Keyer } from './key.ts';
import { RecordTable } from './record-table.ts';

/**
 * What ended while a dump of the kernel's table is under way.
 *
 * The kernel reads entries some time before we look at them. An entry whose end we were told of meanwhile is out of date;
 * taken at its word, it would come to life again, and stay. If the entry is of a newer flow with the same key, the event
 * of its beginning is still to come.
 */
export class EndedRecords {
  /** What has ended, and was not told of since as living. */
  readonly table: RecordTable;
  private dumps = 0;

  /** @param limit records remembered at most; what is beyond, the next look at the whole table finds */
  constructor(keyer: Keyer, limit: number, fastPaths = true) {
    this.table = new RecordTable(keyer, limit, fastPaths);
  }

  /** Whether a dump is under way, and {@link ended} and {@link lives} are of use. */
  get watching(): boolean {
    return this.dumps > 0;
  }

  beginDump(): void {
    this.dumps++;
  }

  endDump(): void {
    this.dumps--;
    if (this.dumps === 0 && this.table.size > 0) this.table.clear();
  }

  /** An event told of the end of `bytes[0, length)`. */
  ended(bytes: Uint8Array, length: number): void {
    if (this.table.find(bytes, 0, length) < 0) this.table.add(bytes, 0, length, 0);
  }

  /** An event told that `bytes[0, length)` lives. */
  lives(bytes: Uint8Array, length: number): void {
    const slot = this.table.find(bytes, 0, length);
    if (slot >= 0) this.table.remove(slot);
  }

  /** Whether the last event about `bytes[0, length)` was that of its end. */
  has(bytes: Uint8Array, length: number): boolean {
    return this.table.find(bytes, 0, length) >= 0;
  }
}
