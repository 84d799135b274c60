import { type RecordTable, SlotState } from '../../src/table/record-table.ts';
import { Framing, frameAt } from '../../src/wire/datagram.ts';
import {
  carriesRange,
  Flag,
  flagsOf,
  HEADER_SIZE,
  lengthOf,
  rangeFromOf,
  rangeToOf,
  sequenceOf,
  typeOf,
} from '../../src/wire/header.ts';

/** A message of a datagram, parsed for a test. */
export interface ParsedMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** The range of an ACK, NACK or RESYNC. */
  readonly range?: readonly [from: number, to: number];
  /** The attributes of a data message, in hexadecimal. */
  readonly record?: string;
}

export function parse(datagram: Uint8Array): ParsedMessage[] {
  const messages: ParsedMessage[] = [];
  for (let at = 0; at < datagram.length; at += lengthOf(datagram, at)) {
    if (frameAt(datagram, at, datagram.length) !== Framing.MESSAGE)
      throw new Error(`no message at offset ${at}`);
    const type = typeOf(datagram, at);
    const flags = flagsOf(datagram, at);
    const header = { type, flags, sequence: sequenceOf(datagram, at) };
    if (carriesRange(type, flags)) {
      messages.push({ ...header, range: [rangeFromOf(datagram, at), rangeToOf(datagram, at)] });
    } else if (lengthOf(datagram, at) > HEADER_SIZE) {
      messages.push({
        ...header,
        record: hex(datagram.subarray(at + HEADER_SIZE, at + lengthOf(datagram, at))),
      });
    } else messages.push(header);
  }
  return messages;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** A message in short, without its sequence number: "ACK 5-9", "NEW HELLO". */
export function brief(message: ParsedMessage): string {
  const names = ['NEW', 'UPD', 'DEL', 'EXP NEW', 'EXP UPD', 'EXP DEL'];
  const { type, flags, range } = message;
  let text = names[type] ?? '';
  if (flags & Flag.ACK) text = 'ACK';
  else if (flags & Flag.NACK) text = 'NACK';
  else if (flags & Flag.RESYNC) text = 'RESYNC';
  else if (flags & Flag.ALIVE) text = 'ALIVE';
  if (range && !(flags & Flag.RESYNC)) text += ` ${range[0]}-${range[1]}`;
  if (flags & Flag.HELLO) text += ' HELLO';
  if (flags & Flag.HELLO_BACK) text += ' HELLO_BACK';
  return text;
}

/** The live records of a table, in hexadecimal, sorted. */
export function liveRecords(table: RecordTable): string[] {
  const records: string[] = [];
  for (let slot = 0; slot < table.slots; slot++) {
    const state = table.stateOf(slot);
    if (state === SlotState.FREE || state === SlotState.DEAD) continue;
    const at = table.offsetOf(slot);
    records.push(hex(table.bytesOf(slot).subarray(at, at + table.sizeOf(slot))));
  }
  return records.sort();
}
