import { readU16 } from '../../../src/bytes/integers.ts';
import { flowText } from '../../../src/flow/text.ts';
import { Attr, TLV_HEADER } from '../../../src/wire/attribute.ts';
import { decodeFlow } from '../../../src/wire/decode.ts';
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
} from '../../../src/wire/header.ts';
import { DATA_TYPE_NAMES, messageOffsets } from '../../support/datagrams.ts';

function flagNames(flags: number): string {
  return Object.entries(Flag)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => ` ${name}`)
    .join('');
}

/**
 * What is the kernel's doing and not the node's is no difference: how many seconds of a timeout are left, the empty
 * SYNPROXY that the real kernel shows of flows which were made by request, and a MARK of 0, which it leaves out when a
 * flow ends.
 */
function comparable(record: Uint8Array): Uint8Array {
  const kept: number[] = [];
  for (let at = 0; at < record.length; ) {
    const end = at + ((readU16(record, at) + 3) & ~3);
    const type = readU16(record, at + 2);
    const value = record.subarray(at + TLV_HEADER, end);
    if (type === Attr.TIMEOUT) kept.push(...record.subarray(at, at + TLV_HEADER), 0, 0, 0, 0);
    else if ((type !== Attr.SYNPROXY && type !== Attr.MARK) || value.some((byte) => byte !== 0))
      kept.push(...record.subarray(at, end));
    at = end;
  }
  return Uint8Array.from(kept);
}

/** The messages of a datagram, one line each; numbers count from `base`. */
export function messageLines(datagram: Uint8Array, base: number): string[] {
  const lines: string[] = [];
  for (const at of messageOffsets(datagram)) {
    const flags = flagsOf(datagram, at);
    const type = typeOf(datagram, at);
    const head = `  #${(sequenceOf(datagram, at) - base) | 0} ${DATA_TYPE_NAMES[type] ?? type}${flagNames(flags)}`;
    const length = lengthOf(datagram, at);
    if (carriesRange(type, flags) && length >= 16) {
      lines.push(`${head} ${rangeFromOf(datagram, at)}..${rangeToOf(datagram, at)}`);
    } else if (type < 3) {
      const record = comparable(datagram.slice(at + HEADER_SIZE, at + length));
      const text = flowText(decodeFlow(record, 0, record.length));
      lines.push(`${head} ${text} ${Buffer.from(record).toString('hex')}`);
    } else {
      lines.push(`${head} ${length}`);
    }
  }
  return lines;
}

/** A listing without what depends on the second in which it was made. */
export function listing(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.replace(/ \[(active since|expires in) [^\]]*\]/g, '').trim())
    .filter((line) => line !== '');
}
