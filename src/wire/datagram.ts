import { readU16 } from '../bytes/integers.ts';
import { carriesRange, flagsOf, HEADER_SIZE, RANGE_SIZE, typeOf } from './header.ts';

/** What follows at an offset of a datagram: a message, its end, or the reason to drop the rest. */
export const Framing = {
  MESSAGE: 0,
  /** The datagram ends between two messages. */
  END: 1,
  /** Fewer bytes are left than a header needs, or a range. */
  TRUNCATED: 2,
  /** The length is 0, shorter than the message's fixed parts, or beyond the end of the received bytes. */
  BAD_SIZE: 3,
} as const;
export type Framing = (typeof Framing)[keyof typeof Framing];

/**
 * Checks the message at offset `at` of the datagram `bytes[0, end)`. For MESSAGE, the `lengthOf(bytes, at)`
 * bytes from there are complete, and hold the header and, if the message carries one, the range. On a stream
 * (TCP), TRUNCATED means that more bytes are needed, and so does BAD_SIZE for a length beyond the end.
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
