/**
 * A sealed datagram, in network byte order:
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 1 | 0xf0 data, 0xf1 ASK, 0xf2 ANSWER |
 * | 1 | 3 | id of the key |
 * | 4 | 12 | the sender's session, random |
 * | 16 | 8 | counter, which also is the nonce |
 * | 24 | n | encrypted: a datagram of the plain protocol; of ASK and ANSWER, the session that they echo, or zeros |
 * | 24 + n | 16 | tag, over all that stands before it |
 *
 * The version of the plain protocol, in the same nibble, is 1: neither is taken for the other.
 */
export const FrameType = { DATA: 0xf0, ASK: 0xf1, ANSWER: 0xf2 } as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

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
