import { type RecordTable, SlotState } from '../../table/record-table.ts';

/** Seconds that are told apart; what was updated earlier is in no order. */
const AGES = 1 << 16;

/**
 * Returns the slots of a table's records that are not in `known`, the one that was updated last first; those of one second
 * are in the order of their slots, which is their order in memory. Adds them to `known`.
 *
 * A counting sort over seconds: 200,000 slots take some milliseconds.
 * @param known a byte for each slot, at least `table.slots`
 */
export function newestFirst(table: RecordTable, known: Uint8Array): Uint32Array {
  const { slots } = table;
  const found = new Uint32Array(table.size);
  const times = new Uint32Array(table.size);
  let newest = 0;
  let count = 0;
  for (let slot = 0; slot < slots; slot++) {
    if (known[slot] === 1 || table.stateOf(slot) === SlotState.FREE) continue;
    known[slot] = 1;
    const time = table.updatedAt(slot);
    if (time > newest) newest = time;
    found[count] = slot;
    times[count++] = time;
  }
  const order = new Uint32Array(count);
  const places = new Uint32Array(AGES + 1);
  for (let n = 0; n < count; n++) places[Math.min(newest - times[n]!, AGES - 1) + 1]!++;
  for (let age = 1; age < AGES; age++) places[age]! += places[age - 1]!;
  for (let n = 0; n < count; n++) order[places[Math.min(newest - times[n]!, AGES - 1)]!++] = found[n]!;
  return order;
}
