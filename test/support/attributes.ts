/** Attributes made by hand, for what no encoder would write. */

/** A TLV with zero padding; `length` as given where it is to be a lie. */
export function tlv(
  type: number,
  value: readonly number[] | Uint8Array,
  length = value.length + 4,
): number[] {
  const bytes = [length >> 8, length & 0xff, type >> 8, type & 0xff, ...value];
  while (bytes.length % 4 !== 0) bytes.push(0);
  return bytes;
}

/** `size` bytes of this value. */
export const bytesOf = (size: number, value = 1): number[] => new Array<number>(size).fill(value);

/** The bytes of a text, with its NUL. */
export const terminated = (text: string): number[] => [...Buffer.from(text, 'latin1'), 0];

/** The TLVs of a canonical record, each with its padding. */
export function attributesOf(record: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (let at = 0; at < record.length; ) {
    const size = (((record[at]! << 8) | record[at + 1]!) + 3) & ~3;
    found.push(record.subarray(at, at + size));
    at += size;
  }
  return found;
}

export function concatenate(parts: readonly (Uint8Array | readonly number[])[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
