import type { Change } from '../../flow/change.ts';
import { Item } from '../../flow/item.ts';
import { EndedRecords } from '../../table/ended-records.ts';
import { ExpectationKeyer, FlowKeyer } from '../../table/key.ts';
import type { RecordTable } from '../../table/record-table.ts';
import { noteEventForDumps } from '../common/kernel-reader.ts';

/** Remembers which flows and expectations ended while the kernel's table is dumped: the dump may still show them. */
export class EndedDuringDumps {
  private readonly records: readonly [flows: EndedRecords, expectations: EndedRecords];

  constructor(hashSeed: number, hashLimit: number, fastPaths: boolean) {
    this.records = [
      new EndedRecords(new FlowKeyer(hashSeed), hashLimit, fastPaths),
      new EndedRecords(new ExpectationKeyer(hashSeed), hashLimit, fastPaths),
    ];
  }

  /** Records what ends until {@link endDump}; calls nest. */
  beginDump(): void {
    for (const records of this.records) records.beginDump();
  }

  endDump(): void {
    for (const records of this.records) records.endDump();
  }

  /** Notes an event about the record `bytes[0, length)`, if a dump is under way. */
  noteEvent(item: Item, change: Change, bytes: Uint8Array, length: number): void {
    noteEventForDumps(this.records[item], change, bytes, length);
  }

  /** Returns whether the last event about the record `bytes[0, length)` was its end. */
  has(item: Item, bytes: Uint8Array, length: number): boolean {
    return this.records[item].has(bytes, length);
  }

  /** The flows that ended during the dump and did not come back. */
  get flows(): RecordTable {
    return this.records[Item.FLOW].table;
  }
}
