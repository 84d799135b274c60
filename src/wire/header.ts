import { readU16, readU32, writeU16, writeU32 } from '../bytes/integers.ts';

/**
 * The header of a message: 8 bytes, network byte order.
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 1 | low nibble: type, high nibble: version |
 * | 1 | 1 | flags |
 * | 2 | 2 | length of the whole message, this header and padded attributes included |
 * | 4 | 4 | sequence number |
 *
 * ACK, NACK and RESYNC carry two more u32: `from` and `to`, an inclusive range of sequence numbers.
 */
export const VERSION = 1;
export const HEADER_SIZE = 8;
/** Size of an ACK, NACK or RESYNC message in bytes. */
export const RANGE_SIZE = 16;

export const MessageType = {
  CT_NEW: 0,
  CT_UPD: 1,
  CT_DEL: 2,
  EXP_NEW: 3,
  EXP_UPD: 4,
  EXP_DEL: 5,
  CONTROL: 10,
} as const;
export type MessageType = (typeof MessageType)[keyof typeof MessageType];

/** `CT_NEW`, `CONTROL`, ... by type. */
export const MESSAGE_TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(MessageType).map(([name, type]) => [type, name]),
);

/** Highest type of a data message. */
export const DATA_TYPE_MAX = MessageType.EXP_DEL;

export const Flag = {
  /**
   * Ours, on each ACK but one with {@link Flag.ANSWERED} of which a part has left the full resend queue: the sender says with that
   * flag when a RESYNC is answered, and what was lost of the answer comes again. C does not look at it.
   */
  TELLS_ANSWERED: 1 << 0,
  RESYNC: 1 << 1,
  NACK: 1 << 2,
  ACK: 1 << 3,
  ALIVE: 1 << 4,
  HELLO: 1 << 5,
  HELLO_BACK: 1 << 6,
  /** Ours: an ACK of a RESYNC, sent when everything has been sent. C takes it for an ACK. */
  ANSWERED: 1 << 7,
} as const;

/**
 * What an ALIVE of ours has whose range is a digest: the sum of the digests of the keys of its flows, and how many it has. C sees
 * an ALIVE.
 */
export const DIGEST_FLAGS = Flag.ALIVE | Flag.TELLS_ANSWERED;

/**
 * What an ALIVE of ours has in a group of three or more nodes: that its sender understands reports, and, if it is longer than a
 * header, a report. C sees an ALIVE.
 */
export const GROUP_FLAGS = Flag.ALIVE | Flag.ANSWERED;

/** Whether the control message at `bytes[at]` has a digest for a range. */
export function isDigest(bytes: Uint8Array, at: number): boolean {
  return (flagsOf(bytes, at) & DIGEST_FLAGS) === DIGEST_FLAGS && lengthOf(bytes, at) >= RANGE_SIZE;
}

/** Any of these flags makes a control message carry a range. */
export const RANGE_FLAGS = Flag.RESYNC | Flag.NACK | Flag.ACK;

/** Flags that a data message may carry. */
export const HELLO_FLAGS = Flag.HELLO | Flag.HELLO_BACK;

export function typeOf(bytes: Uint8Array, at: number): number {
  return bytes[at]! & 0x0f;
}

export function versionOf(bytes: Uint8Array, at: number): number {
  return bytes[at]! >>> 4;
}

export function flagsOf(bytes: Uint8Array, at: number): number {
  return bytes[at + 1]!;
}

export function lengthOf(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at + 2);
}

export function sequenceOf(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + 4);
}

/** First number of the range in an ACK or NACK at `at`. */
export function rangeFromOf(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + HEADER_SIZE);
}

/** Last number of the range in an ACK or NACK at `at`. */
export function rangeToOf(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + HEADER_SIZE + 4);
}

/** True if a message with this type and these flags carries a range. */
export function carriesRange(type: number, flags: number): boolean {
  return type === MessageType.CONTROL && (flags & RANGE_FLAGS) !== 0;
}

/** True for a data message: a type from 0 to 5, and no flags except HELLO and HELLO_BACK. */
export function isData(type: number, flags: number): boolean {
  return type <= DATA_TYPE_MAX && (flags & ~HELLO_FLAGS) === 0;
}

/** Whether a control message can have these flags: some, and ours only beside those to which they add something. */
export function isControl(type: number, flags: number): boolean {
  if (type !== MessageType.CONTROL || flags === 0) return false;
  return (flags & (Flag.TELLS_ANSWERED | Flag.ANSWERED)) === 0 || (flags & (Flag.ACK | Flag.ALIVE)) !== 0;
}

export function writeHeader(
  bytes: Uint8Array,
  at: number,
  type: number,
  flags: number,
  length: number,
  sequence: number,
): void {
  bytes[at] = (VERSION << 4) | type;
  bytes[at + 1] = flags;
  writeU16(bytes, at + 2, length);
  writeU32(bytes, at + 4, sequence);
}
