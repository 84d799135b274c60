export * from './endian.ts';

/**
 * The memory of `bytes` as words of this machine, whole ones only: what is aligned can be read and copied four bytes at a
 * time. @throws RangeError if `bytes` does not begin at a multiple of 4
 */
export function alignedWordsOf(bytes: Uint8Array): Int32Array {
  if ((bytes.byteOffset & 3) !== 0) throw new RangeError('bytes that do not begin at a multiple of 4');
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}
