import { readU32 } from '../../bytes/integers.ts';

/** A 64-bit number in network byte order; exact to 2^53. */
export function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) * 2 ** 32 + readU32(bytes, at + 4);
}

/** Whole seconds of a 64-bit number of nanoseconds. */
export function secondsAt(bytes: Uint8Array, at: number): number {
  return Math.floor(readU64(bytes, at) / 1e9);
}
