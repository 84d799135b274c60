import { type RecordTable, SlotState } from '../../src/table/record-table.ts';
import { hex } from './datagrams.ts';

/** The live records of a table, in hexadecimal, sorted. */
export function liveRecords(table: RecordTable): string[] {
  const records: string[] = [];
  for (let slot = 0; slot < table.slots; slot++) {
    const state = table.stateOf(slot);
    if (state === SlotState.FREE || state === SlotState.DEAD) continue;
    const at = table.offsetOf(slot);
    records.push(hex(table.bytesOf(slot).subarray(at, at + table.sizeOf(slot))));
  }
  return records.sort();
}
