import { LITTLE_ENDIAN } from '../wire/endian.ts';

export * from '../wire/endian.ts';

/** The same four bytes in the other order. */
function swapped(value: number): number {
  return (value << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24);
}

/**
 * Between a 32-bit number and the word of this machine that holds it in network byte order; signed. Its own inverse.
 */
export function networkWord(value: number): number {
  return LITTLE_ENDIAN ? swapped(value) : value | 0;
}

/**
 * The memory of `bytes` as words of this machine, whole ones only: what is aligned can be read and copied four bytes at a
 * time. @throws RangeError if `bytes` does not begin at a multiple of 4
 */
export function wordsOf(bytes: Uint8Array): Int32Array {
  if ((bytes.byteOffset & 3) !== 0) throw new RangeError('bytes that do not begin at a multiple of 4');
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}
