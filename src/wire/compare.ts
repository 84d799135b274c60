import { readU16 } from '../bytes/integers.ts';
import { TLV_HEADER } from './attribute.ts';
import type { RecordFormat } from './record.ts';

/**
 * Returns whether the canonical record `update` says only what the canonical record `known` has. The timeout counts down by
 * itself, local attributes stay here, and 0 is what the lack of an attribute means (a dump tells a mark of 0, an event does
 * not): they do not count.
 */
export function saysNothingNew(
  { rank, types, timeout }: RecordFormat,
  known: Uint8Array,
  knownAt: number,
  knownEnd: number,
  update: Uint8Array,
  updateAt: number,
  updateEnd: number,
): boolean {
  let old = knownAt;
  for (let fresh = updateAt; fresh < updateEnd; ) {
    const type = readU16(update, fresh + 2);
    if (type >= types) return true;
    const size = (readU16(update, fresh) + 3) & ~3;
    while (old < knownEnd && rank[readU16(known, old + 2)]! < rank[type]!)
      old += (readU16(known, old) + 3) & ~3;
    if (type !== timeout) {
      const isThere = old < knownEnd && readU16(known, old + 2) === type;
      if (!(isThere ? sameBytes(known, old, update, fresh, size) : isZero(update, fresh, size))) return false;
    }
    fresh += size;
  }
  return true;
}

/** Whether `one[oneAt, oneAt + size)` and `other[otherAt, otherAt + size)` are the same. */
export function sameBytes(
  one: Uint8Array,
  oneAt: number,
  other: Uint8Array,
  otherAt: number,
  size: number,
): boolean {
  for (let n = 0; n < size; n++) if (one[oneAt + n] !== other[otherAt + n]) return false;
  return true;
}

function isZero(bytes: Uint8Array, at: number, size: number): boolean {
  for (let n = TLV_HEADER; n < size; n++) if (bytes[at + n] !== 0) return false;
  return true;
}
