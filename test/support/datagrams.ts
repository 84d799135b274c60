import { Framing, frameAt } from '../../src/wire/datagram.ts';
import {
  carriesRange,
  Flag,
  flagsOf,
  HEADER_SIZE,
  isDigest,
  lengthOf,
  rangeFromOf,
  rangeToOf,
  sequenceOf,
  typeOf,
} from '../../src/wire/header.ts';

/** The names of the data messages, by their types. */
export const DATA_TYPE_NAMES: readonly string[] = ['NEW', 'UPD', 'DEL', 'EXP NEW', 'EXP UPD', 'EXP DEL'];

/** A message as a test reads it. */
export interface ParsedMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** The range of an ACK, NACK or RESYNC, and a digest. */
  readonly range?: readonly [from: number, to: number];
  /** The attributes of a data message, in hexadecimal. */
  readonly record?: string;
}

/** Where each message of `datagram[0, end)` begins. Throws if there is anything but whole messages. */
export function messageOffsets(datagram: Uint8Array, end = datagram.length): number[] {
  const offsets: number[] = [];
  for (let at = 0; at < end; at += lengthOf(datagram, at)) {
    if (frameAt(datagram, at, end) !== Framing.MESSAGE)
      throw new Error(`no message at offset ${at} of ${end} bytes`);
    offsets.push(at);
  }
  return offsets;
}

/** The messages of a datagram, each as its own bytes. Throws as {@link messageOffsets} does. */
export function splitDatagram(datagram: Uint8Array): Uint8Array[] {
  return messageOffsets(datagram).map((at) => datagram.slice(at, at + lengthOf(datagram, at)));
}

/** The message at `at`. */
export function readMessage(datagram: Uint8Array, at: number): ParsedMessage {
  const type = typeOf(datagram, at);
  const flags = flagsOf(datagram, at);
  const header = { type, flags, sequence: sequenceOf(datagram, at) };
  if (carriesRange(type, flags) || isDigest(datagram, at))
    return { ...header, range: [rangeFromOf(datagram, at), rangeToOf(datagram, at)] };
  const end = at + lengthOf(datagram, at);
  const start = at + HEADER_SIZE;
  return end === start ? header : { ...header, record: hex(datagram.subarray(start, end)) };
}

/** The messages of a datagram. Throws as {@link messageOffsets} does. */
export function readMessages(datagram: Uint8Array): ParsedMessage[] {
  return messageOffsets(datagram).map((at) => readMessage(datagram, at));
}

/** "ACK 5-9", "NEW": a message without its sequence number, so that a test reads as a conversation. */
export function describeMessage({ type, flags, range }: ParsedMessage): string {
  let text = DATA_TYPE_NAMES[type] ?? '';
  if (flags & Flag.ACK) text = 'ACK';
  else if (flags & Flag.NACK) text = 'NACK';
  else if (flags & Flag.RESYNC) text = 'RESYNC';
  else if (flags & Flag.ALIVE) text = 'ALIVE';
  if (range && !(flags & Flag.RESYNC)) text += ` ${range[0]}-${range[1]}`;
  if (flags & Flag.HELLO) text += ' HELLO';
  if (flags & Flag.HELLO_BACK) text += ' HELLO_BACK';
  return text;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
