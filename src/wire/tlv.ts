import { writeU16 } from '../bytes/integers.ts';
import { TLV_HEADER } from './attribute.ts';

/** Number of bytes before the first NUL, or `size` if there is none. */
export function stringLength(bytes: Uint8Array, at: number, size: number): number {
  for (let n = 0; n < size; n++) if (bytes[at + n] === 0) return n;
  return size;
}

/** Writes one TLV with its padding and returns the offset after it. */
export function putAttribute(
  out: Uint8Array,
  at: number,
  type: number,
  value: Uint8Array,
  valueAt: number,
  size: number,
): number {
  writeU16(out, at, size + TLV_HEADER);
  writeU16(out, at + 2, type);
  let to = at + TLV_HEADER;
  for (let n = 0; n < size; n++) out[to++] = value[valueAt + n]!;
  while ((to - at) & 3) out[to++] = 0;
  return to;
}
