import { Framing } from '../wire/datagram.ts';
import {
  carriesRange,
  DATA_TYPE_MAX,
  flagsOf,
  HEADER_SIZE,
  lengthOf,
  MESSAGE_TYPE_NAMES,
  MessageType,
  RANGE_SIZE,
  rangeFromOf,
  rangeToOf,
  sequenceOf,
  typeOf,
  VERSION,
  versionOf,
} from '../wire/header.ts';
import { explainMalformedRecord } from '../wire/malformed-record.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../wire/record.ts';
import { kindOf, MessageKind } from './message-kind.ts';

/** Why no message can be framed at `bytes[at]`, before `end`. `framing` is what `frameAt` found. */
export function explainFraming(framing: Framing, bytes: Uint8Array, at: number, end: number): string {
  const left = end - at;
  if (framing === Framing.TRUNCATED) {
    if (left < HEADER_SIZE) return `${left} bytes, a header has ${HEADER_SIZE}`;
    return `${left} bytes, a message with a range has ${RANGE_SIZE}`;
  }
  const length = lengthOf(bytes, at);
  if (length > left) return `its length is ${length} bytes, and ${left} are there`;
  return `its length is ${length} bytes, too few for what it must hold`;
}

/** Why the whole message at `bytes[at]` is malformed in FT-FW, in one line; undefined if it is not. */
export function explainMalformedMessage(bytes: Uint8Array, at: number): string | undefined {
  const version = versionOf(bytes, at);
  if (version !== VERSION) return `version ${version}, expected ${VERSION}`;
  const type = typeOf(bytes, at);
  if (kindOf(bytes, at) === MessageKind.BAD) return explainHeader(bytes, at);
  if (type > DATA_TYPE_MAX) return undefined;
  const format = type <= MessageType.CT_DEL ? FLOW_FORMAT : EXPECTATION_FORMAT;
  const reason = explainMalformedRecord(format, bytes, at + HEADER_SIZE, at + lengthOf(bytes, at));
  if (reason === undefined) return undefined;
  return `${MESSAGE_TYPE_NAMES.get(type)} seq=${sequenceOf(bytes, at)}: ${reason}`;
}

function explainHeader(bytes: Uint8Array, at: number): string {
  const type = typeOf(bytes, at);
  const flags = flagsOf(bytes, at);
  const name = MESSAGE_TYPE_NAMES.get(type);
  if (name === undefined) return `type ${type} is not known`;
  if (carriesRange(type, flags)) {
    return `its range ends (${rangeToOf(bytes, at)}) before it begins (${rangeFromOf(bytes, at)})`;
  }
  return `${name} with flags 0x${flags.toString(16).padStart(2, '0')} means nothing`;
}
