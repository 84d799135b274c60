import { readU32, writeU32 } from '../../bytes/integers.ts';

/**
 * A sealed datagram, in network byte order:
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 1 | {@link FrameType} |
 * | 1 | 3 | id of the key |
 * | 4 | 12 | the sender's session, random |
 * | 16 | 8 | counter, which also is the nonce |
 * | 24 | n | encrypted: of DATA a datagram of the plain protocol; of ASK and ANSWER an echo and a challenge, 12 bytes each; of OPEN nothing |
 * | 24 + n | 16 | tag, over all that stands before it |
 *
 * The version of the plain protocol, in the same nibble, is 1: neither is taken for the other.
 */
export const FrameType = { DATA: 0xf0, ASK: 0xf1, ANSWER: 0xf2, OPEN: 0xf3 } as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

const KEY_ID_AT = 1;
export const SESSION_AT = 4;
export const SESSION_SIZE = 12;
export const COUNTER_AT = 16;
export const SEALED_HEADER_SIZE = 24;
export const TAG_SIZE = 16;
/** Bytes that sealing adds to a datagram. */
export const SEALED_OVERHEAD = SEALED_HEADER_SIZE + TAG_SIZE;

/** Counters are numbers in this program: they end before numbers lose precision. */
export const COUNTER_MAX = Number.MAX_SAFE_INTEGER;

/** Whether `bytes[start, end)` claims to be sealed. */
export function claimsToBeSealed(bytes: Uint8Array, start: number, end: number): boolean {
  return end > start && bytes[start]! >>> 4 === 0xf;
}

/** Writes the header of a frame at the beginning of `frame`. */
export function writeFrameHeader(
  frame: Uint8Array,
  type: FrameType,
  keyId: number,
  session: Uint8Array,
  counter: number,
): void {
  frame[0] = type;
  frame[KEY_ID_AT] = keyId >>> 16;
  frame[KEY_ID_AT + 1] = (keyId >>> 8) & 0xff;
  frame[KEY_ID_AT + 2] = keyId & 0xff;
  frame.set(session, SESSION_AT);
  writeCounter(frame, COUNTER_AT, counter);
}

/** The id of the key of the frame at `at`. */
export function keyIdOf(bytes: Uint8Array, at: number): number {
  const id = at + KEY_ID_AT;
  return (bytes[id]! << 16) | (bytes[id + 1]! << 8) | bytes[id + 2]!;
}

/** The counter of the frame at `at`; it may be greater than {@link COUNTER_MAX}. */
export function counterOf(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + COUNTER_AT) * 2 ** 32 + readU32(bytes, at + COUNTER_AT + 4);
}

/** Writes 8 bytes. */
export function writeCounter(bytes: Uint8Array, at: number, counter: number): void {
  writeU32(bytes, at, Math.floor(counter / 2 ** 32));
  writeU32(bytes, at + 4, counter >>> 0);
}
