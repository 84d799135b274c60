import type { Age } from '../../flow/text.ts';
import { type RecordTable, SlotState } from '../../table/record-table.ts';

export type DumpForm = 'plain' | 'xml' | 'json';

/** Prints the record `bytes[start, end)` of a slot as a line of a dump. */
export type Printer = (bytes: Uint8Array, start: number, end: number, age: Age, slot: number) => string;

/**
 * Prints the live records of a table, a line each. The table may change while the lines are taken: a record that comes or
 * goes meanwhile may or may not be among them.
 * @param seconds returns the time by the table's clock
 * @param expiresIn returns the seconds until the record of a slot expires; undefined where none does
 */
export function* tableLines(
  table: RecordTable,
  print: Printer,
  seconds: () => number,
  expiresIn: (slot: number) => number | undefined = () => undefined,
): Generator<string> {
  for (let slot = 0; slot < table.slots; slot++) {
    const state = table.stateOf(slot);
    if (state === SlotState.FREE || state === SlotState.DEAD) continue;
    const start = table.offsetOf(slot);
    const active = Math.max(0, seconds() - table.createdAt(slot));
    const expires = expiresIn(slot);
    const age = expires === undefined ? { active } : { active, expires };
    yield print(table.bytesOf(slot), start, start + table.sizeOf(slot), age, slot);
  }
}
