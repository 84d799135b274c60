/** A packet in a queue, with its flow, from the message that the kernel makes of it. */

import { readU16, readU32 } from '../../bytes/integers.ts';
import { wordsOf } from '../../bytes/words.ts';
import { type Family, formatAddress } from '../../flow/address.ts';
import type { Tuple } from '../../flow/tuple.ts';
import { findAttributes, HEADERS, MESSAGE_HEADER } from '../../system/netlink.ts';
import { CTA_COUNT, Cta } from '../codec/ctnetlink-numbers.ts';
import { readTuple, TupleOffsets } from '../codec/tuple-reader.ts';
import { FlowInfo, NFQA_COUNT, Nfqa, PACKET_HEADER_SIZE } from './numbers.ts';

/** CTA_HELP_NAME, the name of the flow's helper. */
const HELP_NAME = 1;

/** The flow of a queued packet. */
export interface QueuedFlow {
  readonly original: Tuple;
  readonly reply: Tuple;
  /** `Status` bits. */
  readonly status: number;
  /** CTA_ID; the kernel gives the number to another flow when this one is gone. */
  readonly id: number;
  /** Name of its helper. */
  readonly helper: string;
  readonly zone: number | undefined;
}

export interface QueuedPacket {
  readonly queueNum: number;
  /** Names the packet in its verdict. */
  readonly id: number;
  /** From the IP header on: a view of the receive buffer, valid until the next read. */
  readonly packet: Uint8Array;
  /** Why it cannot be inspected, in place of `flow`. */
  readonly problem?: string;
  readonly flow?: QueuedFlow;
  readonly direction: 'original' | 'reply';
  /** Whether packets of this flow were seen in both directions, and this one expects none of its own flow any more. */
  readonly isEstablished: boolean;
}

const at = new Int32Array(NFQA_COUNT);
const size = new Int32Array(NFQA_COUNT);
const flowAt = new Int32Array(CTA_COUNT);
const flowSize = new Int32Array(CTA_COUNT);
const helpAt = new Int32Array(2);
const helpSize = new Int32Array(2);
const offsets = new TupleOffsets();
const NO_PACKET = new Uint8Array(0);

/**
 * Reads the message `bytes[start, end)`, which begins at a multiple of 4.
 * @returns undefined if not even the packet's identifier can be read: it then has no verdict
 */
export function readQueuedPacket(bytes: Uint8Array, start: number, end: number): QueuedPacket | undefined {
  const words = wordsOf(bytes);
  if (end - start < HEADERS || !findAttributes(words, start + HEADERS, end, at, size)) return undefined;
  if (at[Nfqa.PACKET_HEADER] === 0 || size[Nfqa.PACKET_HEADER]! < PACKET_HEADER_SIZE) return undefined;
  const id = readU32(bytes, at[Nfqa.PACKET_HEADER]!);
  const queueNum = readU16(bytes, start + MESSAGE_HEADER + 2);
  const payload = at[Nfqa.PAYLOAD]!;
  const packet = payload === 0 ? NO_PACKET : bytes.subarray(payload, payload + size[Nfqa.PAYLOAD]!);
  const info =
    at[Nfqa.FLOW_INFO] === 0 || size[Nfqa.FLOW_INFO]! < 4 ? -1 : readU32(bytes, at[Nfqa.FLOW_INFO]!);
  const common = {
    queueNum,
    id,
    packet,
    direction: info >= FlowInfo.REPLY ? ('reply' as const) : ('original' as const),
    isEstablished: info === FlowInfo.ESTABLISHED || info === FlowInfo.REPLY,
  };
  if (at[Nfqa.CAPTURED_LENGTH] !== 0) return { ...common, problem: 'the kernel copied a part of it' };
  if (packet.length === 0) return { ...common, problem: 'it has no payload' };
  if (info < 0 || at[Nfqa.FLOW] === 0) return { ...common, problem: 'it belongs to no flow' };
  const flow = readFlow(bytes, words, at[Nfqa.FLOW]!, at[Nfqa.FLOW]! + size[Nfqa.FLOW]!);
  return flow === undefined ? { ...common, problem: 'its flow cannot be read' } : { ...common, flow };
}

function readFlow(bytes: Uint8Array, words: Int32Array, start: number, end: number): QueuedFlow | undefined {
  if (!findAttributes(words, start, end, flowAt, flowSize)) return undefined;
  const original = readPortTuple(bytes, words, flowAt[Cta.TUPLE_ORIG]!, flowSize[Cta.TUPLE_ORIG]!);
  const reply = readPortTuple(bytes, words, flowAt[Cta.TUPLE_REPLY]!, flowSize[Cta.TUPLE_REPLY]!);
  const helper = helperName(bytes, words);
  if (original === undefined || reply === undefined || helper === undefined) return undefined;
  if (flowAt[Cta.STATUS] === 0 || flowSize[Cta.STATUS]! < 4) return undefined;
  const hasZone = flowAt[Cta.ZONE] !== 0 && flowSize[Cta.ZONE]! >= 2;
  return {
    original,
    reply,
    status: readU32(bytes, flowAt[Cta.STATUS]!),
    id: flowAt[Cta.ID] === 0 || flowSize[Cta.ID]! < 4 ? 0 : readU32(bytes, flowAt[Cta.ID]!),
    helper,
    zone: hasZone ? readU16(bytes, flowAt[Cta.ZONE]!) : undefined,
  };
}

/**
 * Reads a tuple of a protocol with ports from the `length` bytes of an attribute's value at `start`; undefined if `start`
 * is 0, or if it is none.
 */
export function readPortTuple(
  bytes: Uint8Array,
  words: Int32Array,
  start: number,
  length: number,
): Tuple | undefined {
  if (start === 0 || !readTuple(words, start, start + length, offsets)) return undefined;
  const { source4, destination4, source6, destination6, protocol, sourcePort, destinationPort } = offsets;
  const family: Family = source4 !== 0 ? 4 : 6;
  const source = family === 4 ? source4 : source6;
  const destination = family === 4 ? destination4 : destination6;
  if (source === 0 || destination === 0 || protocol === 0) return undefined;
  if (sourcePort === 0 || destinationPort === 0) return undefined;
  return {
    family,
    source: formatAddress(family, bytes, source),
    destination: formatAddress(family, bytes, destination),
    protocol: bytes[protocol]!,
    ports: { source: readU16(bytes, sourcePort), destination: readU16(bytes, destinationPort) },
  };
}

function helperName(bytes: Uint8Array, words: Int32Array): string | undefined {
  const start = flowAt[Cta.HELP]!;
  if (start === 0 || !findAttributes(words, start, start + flowSize[Cta.HELP]!, helpAt, helpSize)) {
    return undefined;
  }
  if (helpAt[HELP_NAME] === 0) return undefined;
  const text = bytes.subarray(helpAt[HELP_NAME]!, helpAt[HELP_NAME]! + helpSize[HELP_NAME]!);
  const nul = text.indexOf(0);
  return new TextDecoder().decode(nul < 0 ? text : text.subarray(0, nul));
}
