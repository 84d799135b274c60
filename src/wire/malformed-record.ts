import { readU16 } from '../bytes/integers.ts';
import { TLV_HEADER } from './attribute.ts';
import { HEADER_SIZE } from './header.ts';
import type { RecordFormat } from './record.ts';
import { stringLength } from './tlv.ts';

/**
 * Why `checkRecord` finds the record in `bytes[start, end)` malformed: which attribute, at which byte of the message,
 * and what was expected. Undefined if it does not.
 */
export function explainMalformedRecord(
  format: RecordFormat,
  bytes: Uint8Array,
  start: number,
  end: number,
): string | undefined {
  const { types, valueSize, rank } = format;
  let seen = 0;
  for (let at = start; end - at > TLV_HEADER; ) {
    const length = readU16(bytes, at);
    const type = readU16(bytes, at + 2);
    const where = `attribute ${type} at byte ${at - start + HEADER_SIZE}`;
    if (length < TLV_HEADER) return `${where}: its length is ${length} bytes, its header has ${TLV_HEADER}`;
    if (length > end - at) return `${where}: its length is ${length} bytes, and ${end - at} are there`;
    if (type >= types) return `${where}: its type is not known`;
    const size = length - TLV_HEADER;
    const wanted = valueSize[type]!;
    if (wanted >= 0 && size !== wanted) return `${where}: a value of ${size} bytes, expected ${wanted}`;
    if (wanted < 0) {
      const most = format.tlvMax[type]! - TLV_HEADER;
      if (size > most) return `${where}: a value of ${size} bytes, expected at most ${most}`;
      if (type !== format.bitmask && stringLength(bytes, at + TLV_HEADER, size) === size) {
        return `${where}: a text without its NUL`;
      }
    }
    seen |= 1 << rank[type]!;
    at += (length + 3) & ~3;
  }
  if ((seen & format.required) === format.required) return undefined;
  return 'addresses or protocol are missing';
}
