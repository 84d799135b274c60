import { copyBytes } from '../bytes/copy.ts';
import { writeU32 } from '../bytes/integers.ts';
import { Item } from '../flow/item.ts';
import type { InternalCache } from '../table/internal-cache.ts';
import { SlotState } from '../table/record-table.ts';
import type { Collector } from '../wire/collector.ts';
import { HEADER_SIZE, MessageType, RANGE_SIZE, writeHeader } from '../wire/header.ts';

/** The type of the message for a record in this state: NEW, UPD or DEL. */
function messageTypeOf(item: Item, state: SlotState): number {
  const first = item === Item.FLOW ? MessageType.CT_NEW : MessageType.EXP_NEW;
  if (state === SlotState.DEAD) return first + 2;
  return state === SlotState.ALIVE ? first + 1 : first;
}

/** Writes the data message of the record in `slot` to `out`, in its current state. */
export function writeRecord(
  out: Collector,
  item: Item,
  cache: InternalCache,
  slot: number,
  flags: number,
  sequence: number,
): void {
  const { table } = cache;
  const type = messageTypeOf(item, table.stateOf(slot));
  const start = table.offsetOf(slot);
  const size = table.wireSizeOf(slot);
  writeMessage(out, type, table.bytesOf(slot), table.wordsOf(slot), start, size, flags, sequence);
}

/**
 * Writes a data message with the record that begins at `bytes[start]`.
 * @param words the same memory as `bytes`
 * @param size bytes of the record that go on the wire
 */
export function writeMessage(
  out: Collector,
  type: number,
  bytes: Uint8Array,
  words: Int32Array,
  start: number,
  size: number,
  flags: number,
  sequence: number,
): void {
  const at = out.reserve(HEADER_SIZE + size);
  writeHeader(out.bytes, at, type, flags, HEADER_SIZE + size, sequence);
  copyBytes(bytes, words, start, size, out.bytes, out.words, at + HEADER_SIZE);
}

/** Writes a control message without a range: ALIVE. */
export function writeControl(out: Collector, flags: number, sequence: number): void {
  const at = out.reserve(HEADER_SIZE);
  writeHeader(out.bytes, at, MessageType.CONTROL, flags, HEADER_SIZE, sequence);
}

/** Writes a control message with a range: ACK, NACK or RESYNC. */
export function writeRange(out: Collector, flags: number, sequence: number, from: number, to: number): void {
  const at = out.reserve(RANGE_SIZE);
  writeHeader(out.bytes, at, MessageType.CONTROL, flags, RANGE_SIZE, sequence);
  writeU32(out.bytes, at + HEADER_SIZE, from);
  writeU32(out.bytes, at + HEADER_SIZE + 4, to);
}
