import { readU32 } from '../../bytes/integers.ts';
import { type RecordTable, SlotState } from '../../table/record-table.ts';
import { TLV_HEADER } from '../../wire/attribute.ts';
import { findAttribute } from '../../wire/record.ts';

const DIGIT_BITS = 16;
const DIGITS = 1 << DIGIT_BITS;
const TIME_MAX = 0xffff_ffff;

/**
 * Returns the slots of a table's records that are not in `known`, the one that expires last first; those that expire in
 * the same second are in the order of their slots, which is their order in memory. Adds them to `known`.
 *
 * Each packet starts a flow's timeout anew, so among flows of one protocol and state the one that expires last spoke last, and
 * established TCP connections, which a gap breaks, come before the rest. That holds also after a bulk transfer, which updates all
 * records at once. Records without a timeout (the peer has CommitTimeout) are in the order of their updates.
 *
 * A radix sort over seconds, without an object a record.
 * @param known a byte for each slot, at least `table.slots`
 * @param timeoutType the type of the TIMEOUT attribute
 */
export function lastExpiringFirst(table: RecordTable, known: Uint8Array, timeoutType: number): Uint32Array {
  const found = new Uint32Array(table.size);
  const keys = new Uint32Array(table.size);
  let latest = 0;
  let earliest = TIME_MAX;
  let count = 0;
  for (let slot = 0; slot < table.slots; slot++) {
    if (known[slot] === 1 || table.stateOf(slot) === SlotState.FREE) continue;
    known[slot] = 1;
    const expiry = expiryOf(table, slot, timeoutType);
    if (expiry > latest) latest = expiry;
    if (expiry < earliest) earliest = expiry;
    found[count] = slot;
    keys[count++] = expiry;
  }
  for (let n = 0; n < count; n++) keys[n] = latest - keys[n]!;
  const order = sortByDigit(found, keys, count, 0);
  // Most expire within the same 18 hours: their second digits are all 0.
  return latest - earliest < DIGITS
    ? order.slots
    : sortByDigit(order.slots, order.keys, count, DIGIT_BITS).slots;
}

/** Second of the caches' clock in which the record expires, unless the peer updates it. */
function expiryOf(table: RecordTable, slot: number, timeoutType: number): number {
  const bytes = table.bytesOf(slot);
  const start = table.offsetOf(slot);
  const at = findAttribute(bytes, start, start + table.sizeOf(slot), timeoutType);
  const timeout = at < 0 ? 0 : readU32(bytes, at + TLV_HEADER);
  return Math.min(table.updatedAt(slot) + timeout, TIME_MAX);
}

/** Sorts the first `count` slots by the digit of their keys that begins at bit `shift`; stable. */
function sortByDigit(
  slots: Uint32Array,
  keys: Uint32Array,
  count: number,
  shift: number,
): { readonly slots: Uint32Array; readonly keys: Uint32Array } {
  const places = new Uint32Array(DIGITS + 1);
  for (let n = 0; n < count; n++) places[((keys[n]! >>> shift) & (DIGITS - 1)) + 1]!++;
  for (let digit = 1; digit < DIGITS; digit++) places[digit]! += places[digit - 1]!;
  const sorted = { slots: new Uint32Array(count), keys: new Uint32Array(count) };
  for (let n = 0; n < count; n++) {
    const place = places[(keys[n]! >>> shift) & (DIGITS - 1)]!++;
    sorted.slots[place] = slots[n]!;
    sorted.keys[place] = keys[n]!;
  }
  return sorted;
}
