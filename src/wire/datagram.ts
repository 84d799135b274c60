import { readU16 } from '../bytes/integers.ts';
import { carriesRange, flagsOf, HEADER_SIZE, RANGE_SIZE, typeOf } from './header.ts';

/** Why the rest of a datagram was dropped, or that more bytes are needed to tell. */
export const Framing = {
  MESSAGE: 0,
  /** The datagram ended between two messages. */
  END: 1,
  /** Fewer bytes are left than a header, or than a range needs. */
  TRUNCATED: 2,
  /** The length is 0, shorter than the message's own parts, or beyond the end of what came. */
  BAD_SIZE: 3,
} as const;
export type Framing = (typeof Framing)[keyof typeof Framing];

/**
 * What stands at `at` of the datagram `bytes[0, end)`. For MESSAGE, `lengthOf(bytes, at)` bytes from there are whole
 * and hold their header, and their range where they carry one. On a stream (TCP) TRUNCATED means that the tail waits
 * for more bytes, and so does BAD_SIZE for a length beyond the end ({@link reachesBeyond}).
 */
export function frameAt(bytes: Uint8Array, at: number, end: number): Framing {
  const left = end - at;
  if (left === 0) return Framing.END;
  if (left < HEADER_SIZE) return Framing.TRUNCATED;
  const length = readU16(bytes, at + 2);
  if (length === 0 || length > left) return Framing.BAD_SIZE;
  if (carriesRange(typeOf(bytes, at), flagsOf(bytes, at))) {
    if (left < RANGE_SIZE) return Framing.TRUNCATED;
    if (length < RANGE_SIZE) return Framing.BAD_SIZE;
  }
  return length < HEADER_SIZE ? Framing.BAD_SIZE : Framing.MESSAGE;
}

/** True if the message at `at` says that it is longer than what is left. At least a header must be there. */
export function reachesBeyond(bytes: Uint8Array, at: number, end: number): boolean {
  return readU16(bytes, at + 2) > end - at;
}
