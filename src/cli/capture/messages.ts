/** What a payload says, message by message, and why what is malformed is. */

import { readU16 } from '../../bytes/integers.ts';
import type { Expectation } from '../../flow/expectation.ts';
import type { Flow } from '../../flow/flow.ts';
import { kindOf, MessageKind } from '../../sync/message-kind.ts';
import { RECORD_MAX, TLV_HEADER } from '../../wire/attribute.ts';
import { Framing, frameAt } from '../../wire/datagram.ts';
import { decodeExpectation, decodeFlow } from '../../wire/decode.ts';
import {
  carriesRange,
  Flag,
  flagsOf,
  HEADER_SIZE,
  lengthOf,
  MessageType,
  RANGE_SIZE,
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
import { stringLength } from '../../wire/tlv.ts';

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
  /** The message's bytes, or what is left of the payload where no message can be told. */
  readonly length: number;
}

export type CapturedMessage = DecodedMessage | MalformedMessage;

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(MessageType).map(([name, type]) => [type, name]),
);
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
      yield { malformed: framingError(framing, payload, at), length: end - at };
      return;
    }
    yield messageAt(payload, at);
  }
}

function framingError(framing: Framing, payload: Uint8Array, at: number): string {
  const left = payload.length - at;
  if (framing === Framing.TRUNCATED) {
    if (left < HEADER_SIZE) return `${left} bytes, a header has ${HEADER_SIZE}`;
    return `${left} bytes, a message with a range has ${RANGE_SIZE}`;
  }
  const length = lengthOf(payload, at);
  if (length > left) return `its length is ${length} bytes, and ${left} are there`;
  return `its length is ${length} bytes, too few for what it must hold`;
}

function messageAt(payload: Uint8Array, at: number): CapturedMessage {
  const length = lengthOf(payload, at);
  const version = versionOf(payload, at);
  if (version !== VERSION) return { malformed: `version ${version}, expected ${VERSION}`, length };
  const type = typeOf(payload, at);
  const flags = flagsOf(payload, at);
  if (kindOf(payload, at) === MessageKind.BAD) return { malformed: headerError(payload, at), length };
  const message: DecodedMessage = {
    sequence: sequenceOf(payload, at),
    type: TYPE_NAMES.get(type)!,
    flags: flagNames(flags),
  };
  if (carriesRange(type, flags)) {
    return { ...message, range: { from: rangeFromOf(payload, at), to: rangeToOf(payload, at) } };
  }
  if (type === MessageType.CONTROL) return message;
  const isFlow = type <= MessageType.CT_DEL;
  const record = recordIn(isFlow ? FLOW_FORMAT : EXPECTATION_FORMAT, payload, at + HEADER_SIZE, at + length);
  if (typeof record === 'string') {
    return { malformed: `${message.type} seq=${message.sequence}: ${record}`, length };
  }
  return isFlow
    ? { ...message, flow: decodeFlow(record, 0, record.length) }
    : { ...message, expectation: decodeExpectation(record, 0, record.length) };
}

function headerError(payload: Uint8Array, at: number): string {
  const type = typeOf(payload, at);
  const flags = flagsOf(payload, at);
  const name = TYPE_NAMES.get(type);
  if (name === undefined) return `type ${type} is not known`;
  if (carriesRange(type, flags)) {
    return `its range ends (${rangeToOf(payload, at)}) before it begins (${rangeFromOf(payload, at)})`;
  }
  return `${name} with flags 0x${flags.toString(16).padStart(2, '0')} means nothing`;
}

function flagNames(flags: number): string[] {
  const names = FLAG_NAMES.filter(([, bit]) => (flags & bit) !== 0).map(([name]) => name);
  const known = FLAG_NAMES.reduce((bits, [, bit]) => bits | bit, 0);
  const rest = flags & ~known;
  return rest === 0 ? names : [...names, `0x${rest.toString(16)}`];
}

const canonicalBuffer = new Uint8Array(RECORD_MAX);

/** The canonical record in `bytes[start, end)`, or why there is none. */
function recordIn(format: RecordFormat, bytes: Uint8Array, start: number, end: number): Uint8Array | string {
  const form = checkRecord(format, bytes, start, end);
  if (form === Form.MALFORMED) return recordError(format, bytes, start, end) ?? 'malformed';
  if (form === Form.CANONICAL) return bytes.subarray(start, end);
  return canonicalBuffer.slice(0, canonicalise(format, bytes, start, end, canonicalBuffer, 0));
}

/** What `checkRecord` finds wrong with the attributes in `bytes[start, end)`; undefined where it finds nothing. */
export function recordError(
  format: RecordFormat,
  bytes: Uint8Array,
  start: number,
  end: number,
): string | undefined {
  const { types, valueSize, rank } = format;
  let seen = 0;
  for (let at = start; end - at > TLV_HEADER; ) {
    const length = readU16(bytes, at);
    const type = readU16(bytes, at + 2);
    const where = `attribute ${type} at byte ${at - start + HEADER_SIZE}`;
    if (length < TLV_HEADER) return `${where}: its length is ${length} bytes, its header has ${TLV_HEADER}`;
    if (length > end - at) return `${where}: its length is ${length} bytes, and ${end - at} are there`;
    if (type >= types) return `${where}: its type is not known`;
    const size = length - TLV_HEADER;
    const wanted = valueSize[type]!;
    if (wanted >= 0 && size !== wanted) return `${where}: a value of ${size} bytes, expected ${wanted}`;
    if (wanted < 0) {
      const most = format.tlvMax[type]! - TLV_HEADER;
      if (size > most) return `${where}: a value of ${size} bytes, expected at most ${most}`;
      if (type !== format.bitmask && stringLength(bytes, at + TLV_HEADER, size) === size) {
        return `${where}: a text without its NUL`;
      }
    }
    seen |= 1 << rank[type]!;
    at += (length + 3) & ~3;
  }
  if ((seen & format.required) === format.required) return undefined;
  return 'addresses or protocol are missing';
}
