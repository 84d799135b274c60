import { Flag, flagsOf, isData, MessageType, rangeFromOf, rangeToOf, typeOf } from '../wire/header.ts';
import { before } from '../wire/sequence.ts';

/** What a message is, by its type and flags. */
export const MessageKind = {
  DATA: 0,
  ACK: 1,
  NACK: 2,
  RESYNC: 3,
  ALIVE: 4,
  /** Type and flags that mean nothing, or a range that ends before it begins. */
  BAD: 5,
} as const;
export type MessageKind = (typeof MessageKind)[keyof typeof MessageKind];

/**
 * The kind of the message at `bytes[at]` in FT-FW. Of several flags ACK counts first, then NACK, RESYNC, ALIVE, as in
 * C.
 */
export function kindOf(bytes: Uint8Array, at: number): MessageKind {
  const type = typeOf(bytes, at);
  const flags = flagsOf(bytes, at);
  if (isData(type, flags)) return MessageKind.DATA;
  if (type !== MessageType.CONTROL) return MessageKind.BAD;
  if (flags & (Flag.ACK | Flag.NACK)) {
    if (before(rangeToOf(bytes, at), rangeFromOf(bytes, at))) return MessageKind.BAD;
    return flags & Flag.ACK ? MessageKind.ACK : MessageKind.NACK;
  }
  if (flags & Flag.RESYNC) return MessageKind.RESYNC;
  return flags & Flag.ALIVE ? MessageKind.ALIVE : MessageKind.BAD;
}

/**
 * The kind of the message at `bytes[at]` in NOTRACK, which acknowledges nothing: RESYNC counts first, then ALIVE,
 * whatever other flags and range stand beside it, as in C. Any other control message is BAD.
 */
export function plainKindOf(bytes: Uint8Array, at: number): MessageKind {
  const flags = flagsOf(bytes, at);
  if (isData(typeOf(bytes, at), flags)) return MessageKind.DATA;
  if (typeOf(bytes, at) !== MessageType.CONTROL) return MessageKind.BAD;
  if (flags & Flag.RESYNC) return MessageKind.RESYNC;
  return flags & Flag.ALIVE ? MessageKind.ALIVE : MessageKind.BAD;
}
