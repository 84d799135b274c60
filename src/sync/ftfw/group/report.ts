import { readU16, readU32, writeU16, writeU32 } from '../../../bytes/integers.ts';
import type { Collector } from '../../../wire/collector.ts';
import {
  flagsOf,
  GROUP_FLAGS,
  HEADER_SIZE,
  lengthOf,
  MessageType,
  RANGE_FLAGS,
  sequenceOf,
  typeOf,
  writeHeader,
} from '../../../wire/header.ts';
import { after, before } from '../../../wire/sequence.ts';
import type { Run } from './missing-numbers.ts';

/**
 * A report of a node in a group of ours: an ALIVE with the flags {@link GROUP_FLAGS} and more than a header, which no C node is
 * sent. It takes no number of its own: its number is the last that its sender sent, so that a report that is lost leaves no
 * gap. Integers are in network byte order. Behind the header:
 *
 * | offset | size | field |
 * |---|---|---|
 * | 0 | 4 | the name of the sender's series, its first number |
 * | 4 | 2 | how many *awaited* follow; each 8 bytes: a peer's series, and the oldest number that it has to acknowledge, or the next number if there is none |
 * | 6 | 2 | how many *receipts* follow, each 16 bytes and 8 for each run |
 *
 * A receipt: the series of a peer; from which number on it is followed; the last number that came or is known to be missing; the
 * number of runs; and each run of missing numbers, first and last.
 */
export interface Report {
  readonly id: number;
  /** The last number that its sender sent. */
  readonly last: number;
  readonly awaited: readonly Awaited[];
  readonly receipts: readonly Receipt[];
}

export interface Awaited {
  readonly id: number;
  readonly oldest: number;
}

export interface Receipt {
  readonly id: number;
  readonly from: number;
  readonly last: number;
  readonly runs: readonly Run[];
}

const FIXED_SIZE = HEADER_SIZE + 8;
const AWAITED_SIZE = 8;
const RECEIPT_SIZE = 16;
const RUN_SIZE = 8;
/** Receipts are divided among reports of at most so many bytes, so that each fits into a datagram of the smallest IPv4 MTU. */
const SIZE_MAX = 500;

/** Whether the message at `bytes[at]` is a report. */
export function isReport(bytes: Uint8Array, at: number): boolean {
  return (
    typeOf(bytes, at) === MessageType.CONTROL &&
    (flagsOf(bytes, at) & GROUP_FLAGS) === GROUP_FLAGS &&
    (flagsOf(bytes, at) & RANGE_FLAGS) === 0 &&
    lengthOf(bytes, at) > HEADER_SIZE
  );
}

/** Whether the control message at `bytes[at]` says, without a report, that its sender understands reports. */
export function isAnnouncement(bytes: Uint8Array, at: number): boolean {
  return (
    typeOf(bytes, at) === MessageType.CONTROL &&
    (flagsOf(bytes, at) & GROUP_FLAGS) === GROUP_FLAGS &&
    lengthOf(bytes, at) === HEADER_SIZE
  );
}

/** Reads the report at `bytes[at]`, whose length is checked; undefined if it is malformed. */
export function readReport(bytes: Uint8Array, at: number): Report | undefined {
  const end = at + lengthOf(bytes, at);
  if (end - at < FIXED_SIZE) return undefined;
  const awaitedCount = readU16(bytes, at + HEADER_SIZE + 4);
  const receiptCount = readU16(bytes, at + HEADER_SIZE + 6);
  let offset = at + FIXED_SIZE;
  if (offset + awaitedCount * AWAITED_SIZE > end) return undefined;
  const awaited: Awaited[] = [];
  for (let n = 0; n < awaitedCount; n++, offset += AWAITED_SIZE)
    awaited.push({ id: readU32(bytes, offset), oldest: readU32(bytes, offset + 4) });
  const receipts: Receipt[] = [];
  for (let n = 0; n < receiptCount; n++) {
    if (offset + RECEIPT_SIZE > end) return undefined;
    const count = readU32(bytes, offset + 12);
    if (count * RUN_SIZE > end - offset - RECEIPT_SIZE) return undefined;
    const runs = readRuns(bytes, offset + RECEIPT_SIZE, count);
    if (runs === undefined) return undefined;
    receipts.push({
      id: readU32(bytes, offset),
      from: readU32(bytes, offset + 4),
      last: readU32(bytes, offset + 8),
      runs,
    });
    offset += RECEIPT_SIZE + count * RUN_SIZE;
  }
  if (offset !== end) return undefined;
  return { id: readU32(bytes, at + HEADER_SIZE), last: sequenceOf(bytes, at), awaited, receipts };
}

/** Undefined if they are not ascending and apart. */
function readRuns(bytes: Uint8Array, at: number, count: number): Run[] | undefined {
  const runs: Run[] = [];
  for (let n = 0; n < count; n++) {
    const run = { from: readU32(bytes, at + n * RUN_SIZE), to: readU32(bytes, at + n * RUN_SIZE + 4) };
    const previous = runs.at(-1);
    if (before(run.to, run.from) || (previous !== undefined && !after(run.from, previous.to)))
      return undefined;
    runs.push(run);
  }
  return runs;
}

/** Writes a report, as several messages where it has more than {@link SIZE_MAX} bytes. */
export function writeReport(out: Collector, report: Report): void {
  const { awaited, receipts } = report;
  let rest = receipts;
  let isFirst = true;
  do {
    const told = isFirst ? awaited : [];
    let size = FIXED_SIZE + told.length * AWAITED_SIZE;
    let count = 0;
    while (count < rest.length && (count === 0 || size + sizeOf(rest[count]!) <= SIZE_MAX))
      size += sizeOf(rest[count++]!);
    writePart(out, report, told, rest.slice(0, count), size);
    rest = rest.slice(count);
    isFirst = false;
  } while (rest.length > 0);
}

function sizeOf({ runs }: Receipt): number {
  return RECEIPT_SIZE + runs.length * RUN_SIZE;
}

function writePart(
  out: Collector,
  { id, last }: Report,
  awaited: readonly Awaited[],
  receipts: readonly Receipt[],
  size: number,
): void {
  const at = out.reserve(size);
  const { bytes } = out;
  writeHeader(bytes, at, MessageType.CONTROL, GROUP_FLAGS, size, last);
  writeU32(bytes, at + HEADER_SIZE, id);
  writeU16(bytes, at + HEADER_SIZE + 4, awaited.length);
  writeU16(bytes, at + HEADER_SIZE + 6, receipts.length);
  let offset = at + FIXED_SIZE;
  const write = (value: number) => {
    writeU32(bytes, offset, value);
    offset += 4;
  };
  for (const one of awaited) {
    write(one.id);
    write(one.oldest);
  }
  for (const receipt of receipts) {
    write(receipt.id);
    write(receipt.from);
    write(receipt.last);
    write(receipt.runs.length);
    for (const { from, to } of receipt.runs) {
      write(from);
      write(to);
    }
  }
}
