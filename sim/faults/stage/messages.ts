import { writeU32 } from '../../../src/bytes/integers.ts';
import { Status } from '../../../src/flow/status.ts';
import { encodeFlow } from '../../../src/wire/encode.ts';
import { Flag, HEADER_SIZE, MessageType, RANGE_SIZE, writeHeader } from '../../../src/wire/header.ts';
import { numberedRecord } from '../../load/numbered-flow.ts';

/** Bytes of the messages in one datagram, at most: it fits into any Ethernet frame. */
const DATAGRAM_BYTES = 1_400;

/** The destination of planted flows, which no other flow has (RFC 5737). */
const PLANTED_DESTINATION = '198.51.100.66';
const PLANTED_PER_ADDRESS = 1_000;

/** A sequence number that a node takes for one of the future: nodes begin with the clock's seconds. */
export function futureSequence(): number {
  return (Math.floor(Date.now() / 1_000) + 1_000_000) >>> 0;
}

/** A data message with this record. It says HELLO, so that its number counts whatever it is. */
function dataMessage(type: number, record: Uint8Array, sequence: number): Uint8Array {
  const message = new Uint8Array(HEADER_SIZE + record.length);
  writeHeader(message, 0, type, Flag.HELLO, message.length, sequence >>> 0);
  message.set(record, HEADER_SIZE);
  return message;
}

/** An ACK, NACK or RESYNC of the numbers from `from` to `to`; RESYNC has 0 and 0. */
export function rangeMessage(flag: number, sequence: number, from = 0, to = 0): Uint8Array {
  const message = new Uint8Array(RANGE_SIZE);
  writeHeader(message, 0, MessageType.CONTROL, flag, RANGE_SIZE, sequence >>> 0);
  writeU32(message, HEADER_SIZE, from >>> 0);
  writeU32(message, HEADER_SIZE + 4, to >>> 0);
  return message;
}

/** Numbers before and behind the clock's seconds: as many as a range may have lie between them. */
const REACH = 2 ** 29;

/** Messages with this flag whose ranges have all numbers that a node may have sent: C's begin with its clock, ours below 2^30. */
export function rangesOfAll(flag: number, sequence: number): Uint8Array[] {
  const middle = Math.floor(Date.now() / 1_000);
  return [
    rangeMessage(flag, sequence, middle - REACH, middle + REACH),
    rangeMessage(flag, sequence + 1, 0, 2 * REACH),
  ];
}

/** A control message that says that its sender began. */
export function helloMessage(sequence: number): Uint8Array {
  const message = new Uint8Array(HEADER_SIZE);
  writeHeader(message, 0, MessageType.CONTROL, Flag.ALIVE | Flag.HELLO, HEADER_SIZE, sequence >>> 0);
  return message;
}

/** New flows that no kernel has; {@link isPlanted} knows them again. */
export function plantedFlows(count: number, sequence: number): Uint8Array[] {
  return Array.from({ length: count }, (_, n) => {
    const record = encodeFlow({
      original: {
        family: 4,
        source: `192.0.2.${1 + Math.floor(n / PLANTED_PER_ADDRESS)}`,
        destination: PLANTED_DESTINATION,
        protocol: 6,
        ports: { source: 1_024 + (n % PLANTED_PER_ADDRESS), destination: 80 },
      },
      status: Status.SEEN_REPLY | Status.ASSURED | Status.CONFIRMED,
      tcp: { state: 3 },
      timeout: 3_600,
    });
    return dataMessage(MessageType.CT_NEW, record, sequence + n);
  });
}

/** Whether a key of `keysIn` is a planted flow's. */
export function isPlanted(key: string): boolean {
  return key.includes(`dst=${PLANTED_DESTINATION} `);
}

/** Ends of the first `count` numbered flows. */
export function endedFlows(count: number, sequence: number): Uint8Array[] {
  const flow = numberedRecord();
  return Array.from({ length: count }, (_, n) => {
    flow.become(n, 0);
    return dataMessage(MessageType.CT_DEL, flow.bytes, sequence + n);
  });
}

/** Packs messages into datagrams, in order. */
export function packMessages(messages: readonly Uint8Array[]): Uint8Array[] {
  const datagrams: Uint8Array[] = [];
  let pending: Uint8Array[] = [];
  let size = 0;
  const flush = () => {
    if (size > 0) datagrams.push(Buffer.concat(pending, size));
    pending = [];
    size = 0;
  };
  for (const message of messages) {
    if (size + message.length > DATAGRAM_BYTES) flush();
    pending.push(message);
    size += message.length;
  }
  flush();
  return datagrams;
}
