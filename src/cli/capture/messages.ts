/** Decodes a payload message by message, and explains why a message is malformed. */

import type { Expectation } from '../../flow/expectation.ts';
import type { Flow } from '../../flow/flow.ts';
import { explainFraming, explainMalformedMessage } from '../../sync/malformed-message.ts';
import { kindOf, MessageKind } from '../../sync/message-kind.ts';
import { RECORD_MAX } from '../../wire/attribute.ts';
import { Framing, frameAt } from '../../wire/datagram.ts';
import { decodeExpectation, decodeFlow } from '../../wire/decode.ts';
import {
  carriesRange,
  Flag,
  flagsOf,
  HEADER_SIZE,
  lengthOf,
  MESSAGE_TYPE_NAMES,
  MessageType,
  rangeFromOf,
  rangeToOf,
  sequenceOf,
  typeOf,
  VERSION,
  versionOf,
} from '../../wire/header.ts';
import {
  canonicalise,
  checkRecord,
  EXPECTATION_FORMAT,
  FLOW_FORMAT,
  Form,
  type RecordFormat,
} from '../../wire/record.ts';

export interface DecodedMessage {
  readonly sequence: number;
  /** `CT_NEW`, `EXP_DEL`, `CONTROL`, ... */
  readonly type: string;
  /** `HELLO`, `ACK`, ... */
  readonly flags: readonly string[];
  readonly range?: { readonly from: number; readonly to: number };
  readonly flow?: Flow;
  readonly expectation?: Expectation;
}

export interface MalformedMessage {
  /** Why, in one line. */
  readonly malformed: string;
  /** Bytes of the message, or of the rest of the payload where no message can be framed. */
  readonly length: number;
}

export type CapturedMessage = DecodedMessage | MalformedMessage;

const FLAG_NAMES = Object.entries(Flag);

/** True if `payload` is whole messages of this protocol from its first byte to its last, one at least. */
export function isReplication(payload: Uint8Array): boolean {
  let at = 0;
  while (frameAt(payload, at, payload.length) === Framing.MESSAGE) {
    if (versionOf(payload, at) !== VERSION || kindOf(payload, at) === MessageKind.BAD) return false;
    at += lengthOf(payload, at);
  }
  return at > 0 && at === payload.length;
}

/**
 * The messages in a payload, in order. Never throws. A message that cannot be framed ends the payload, as it does for a
 * node that receives it; other malformed messages are reported and skipped.
 */
export function* messagesIn(payload: Uint8Array): Generator<CapturedMessage> {
  const end = payload.length;
  for (let at = 0; at < end; at += lengthOf(payload, at)) {
    const framing = frameAt(payload, at, end);
    if (framing !== Framing.MESSAGE) {
      yield { malformed: explainFraming(framing, payload, at, end), length: end - at };
      return;
    }
    yield messageAt(payload, at);
  }
}

function messageAt(payload: Uint8Array, at: number): CapturedMessage {
  if (versionOf(payload, at) !== VERSION || kindOf(payload, at) === MessageKind.BAD) {
    return malformedAt(payload, at);
  }
  const type = typeOf(payload, at);
  const flags = flagsOf(payload, at);
  const message: DecodedMessage = {
    sequence: sequenceOf(payload, at),
    type: MESSAGE_TYPE_NAMES.get(type)!,
    flags: flagNames(flags),
  };
  if (carriesRange(type, flags)) {
    return { ...message, range: { from: rangeFromOf(payload, at), to: rangeToOf(payload, at) } };
  }
  if (type === MessageType.CONTROL) return message;
  const isFlow = type <= MessageType.CT_DEL;
  const format = isFlow ? FLOW_FORMAT : EXPECTATION_FORMAT;
  const record = canonicalRecord(format, payload, at + HEADER_SIZE, at + lengthOf(payload, at));
  if (record === undefined) return malformedAt(payload, at);
  return isFlow
    ? { ...message, flow: decodeFlow(record, 0, record.length) }
    : { ...message, expectation: decodeExpectation(record, 0, record.length) };
}

function malformedAt(payload: Uint8Array, at: number): MalformedMessage {
  return { malformed: explainMalformedMessage(payload, at)!, length: lengthOf(payload, at) };
}

function flagNames(flags: number): string[] {
  const names = FLAG_NAMES.filter(([, bit]) => (flags & bit) !== 0).map(([name]) => name);
  const known = FLAG_NAMES.reduce((bits, [, bit]) => bits | bit, 0);
  const rest = flags & ~known;
  return rest === 0 ? names : [...names, `0x${rest.toString(16)}`];
}

const canonicalBuffer = new Uint8Array(RECORD_MAX);

/** The canonical form of the record in `bytes[start, end)`; undefined if it is malformed. */
function canonicalRecord(
  format: RecordFormat,
  bytes: Uint8Array,
  start: number,
  end: number,
): Uint8Array | undefined {
  const form = checkRecord(format, bytes, start, end);
  if (form === Form.MALFORMED) return undefined;
  if (form === Form.CANONICAL) return bytes.subarray(start, end);
  return canonicalBuffer.slice(0, canonicalise(format, bytes, start, end, canonicalBuffer, 0));
}
