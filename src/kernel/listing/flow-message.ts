/** Reads ctnetlink messages about flows for listings, with all that they tell. Makes no object for a flow. */

import { readNativeU32 } from '../../bytes/endian.ts';
import { readU32 } from '../../bytes/integers.ts';
import { formatIpv4, formatIpv6 } from '../../flow/address.ts';
import { AddressAt, type ListedDirection, type ListedFlow, UNKNOWN } from '../../flow/listed/listed-flow.ts';
import { Protocol } from '../../flow/protocol.ts';
import type { Tuple } from '../../flow/tuple.ts';
import { findAttributes, HEADERS } from '../../system/netlink.ts';
import {
  CTA_COUNT,
  Cta,
  CtaCounters,
  CtaHelp,
  CtaProtoinfo,
  CtaSecctx,
  CtaTcp,
  CtaTimestamp,
} from '../codec/ctnetlink-numbers.ts';
import { findPart, fits, partAt, partSize, partsAre } from '../codec/nested-attributes.ts';
import { byteAt, portAt, readTuple, TupleOffsets } from '../codec/tuple-reader.ts';
import { readU64, secondsAt } from '../codec/wide-numbers.ts';

const at = new Int32Array(CTA_COUNT);
const size = new Int32Array(CTA_COUNT);
const innerAt = new Int32Array(6);
const innerSize = new Int32Array(6);
const tuple = new TupleOffsets();

/** Where {@link readFlowMessage} found an attribute of the last message: what a request to remove that flow repeats. */
export function lastAttribute(type: number): { readonly at: number; readonly size: number } | undefined {
  return at[type] === 0 ? undefined : { at: at[type]!, size: size[type]! };
}

/** Fills `flow` from the message in `bytes[start, end)`. False if that is malformed. */
export function readFlowMessage(
  bytes: Uint8Array,
  words: Int32Array,
  start: number,
  end: number,
  flow: ListedFlow,
): boolean {
  flow.clear();
  if (!findAttributes(words, start + HEADERS, end, at, size) || !numbersFit()) return false;
  if (!direction(bytes, words, Cta.TUPLE_ORIG, flow, flow.original, AddressAt.SOURCE)) return false;
  flow.family = tuple.source4 === 0 ? 6 : 4;
  if (tuple.protocol === 0) return false;
  flow.protocol = bytes[tuple.protocol]!;
  if (at[Cta.TUPLE_REPLY] !== 0) {
    if (!direction(bytes, words, Cta.TUPLE_REPLY, flow, flow.reply, AddressAt.REPLY_SOURCE)) return false;
    flow.hasReply = true;
  }
  flow.status = u32(bytes, Cta.STATUS);
  flow.timeout = u32(bytes, Cta.TIMEOUT);
  flow.mark = u32(bytes, Cta.MARK);
  flow.id = u32(bytes, Cta.ID);
  flow.use = u32(bytes, Cta.USE);
  if (at[Cta.ZONE] !== 0) flow.zone = portAt(bytes, at[Cta.ZONE]!);
  if (at[Cta.PROTOINFO] !== 0) flow.state = protocolState(bytes, words, flow.protocol);
  if (at[Cta.COUNTERS_ORIG] !== 0) counters(bytes, words, Cta.COUNTERS_ORIG, flow.original);
  if (at[Cta.COUNTERS_REPLY] !== 0) counters(bytes, words, Cta.COUNTERS_REPLY, flow.reply);
  if (at[Cta.TIMESTAMP] !== 0) times(bytes, words, flow);
  if (at[Cta.HELP] !== 0) flow.helper = name(bytes, words, Cta.HELP, CtaHelp.NAME);
  if (at[Cta.SECCTX] !== 0) flow.securityContext = name(bytes, words, Cta.SECCTX, CtaSecctx.NAME);
  if (at[Cta.LABELS] !== 0) flow.labels = labels(bytes);
  if (at[Cta.TUPLE_MASTER] !== 0) flow.master = master(bytes, words);
  return true;
}

function numbersFit(): boolean {
  return (
    fits(at, size, Cta.STATUS, 4) &&
    fits(at, size, Cta.TIMEOUT, 4) &&
    fits(at, size, Cta.MARK, 4) &&
    fits(at, size, Cta.ID, 4) &&
    fits(at, size, Cta.USE, 4) &&
    fits(at, size, Cta.ZONE, 2)
  );
}

/** A number in network byte order, or {@link UNKNOWN}. */
function u32(bytes: Uint8Array, type: number): number {
  return at[type] === 0 ? UNKNOWN : readU32(bytes, at[type]!);
}

/** Reads the tuple of one direction; its offsets stay in `tuple`. False if it is missing, cut short, or has no addresses. */
function direction(
  bytes: Uint8Array,
  words: Int32Array,
  type: number,
  flow: ListedFlow,
  to: ListedDirection,
  addressAt: number,
): boolean {
  const start = at[type]!;
  if (start === 0 || !readTuple(words, start, start + size[type]!, tuple)) return false;
  const word = addressAt >> 2;
  const { addressWords } = flow;
  if (tuple.source4 !== 0 && tuple.destination4 !== 0) {
    addressWords[word] = words[tuple.source4 >> 2]!;
    addressWords[word + 4] = words[tuple.destination4 >> 2]!;
  } else if (tuple.source6 !== 0 && tuple.destination6 !== 0) {
    for (let n = 0; n < 4; n++) {
      addressWords[word + n] = words[(tuple.source6 >> 2) + n]!;
      addressWords[word + 4 + n] = words[(tuple.destination6 >> 2) + n]!;
    }
  } else return false;
  if (tuple.sourcePort !== 0) {
    to.sourcePort = portAt(bytes, tuple.sourcePort);
    to.destinationPort = portAt(bytes, tuple.destinationPort);
  } else if (tuple.icmpType !== 0) {
    to.icmpType = bytes[tuple.icmpType]!;
    to.icmpCode = byteAt(bytes, tuple.icmpCode);
    to.icmpId = portAt(bytes, tuple.icmpId);
  }
  if (tuple.zone !== 0) to.zone = portAt(bytes, tuple.zone);
  return true;
}

function protocolState(bytes: Uint8Array, words: Int32Array, protocol: number): number {
  if (!findPart(words, at, size, Cta.PROTOINFO)) return UNKNOWN;
  const info =
    protocol === Protocol.TCP
      ? CtaProtoinfo.TCP
      : protocol === Protocol.SCTP
        ? CtaProtoinfo.SCTP
        : CtaProtoinfo.DCCP;
  const infoAt = partAt[info]!;
  // The state is attribute 1 of all three.
  if (infoAt === 0 || !findAttributes(words, infoAt, infoAt + partSize[info]!, innerAt, innerSize))
    return UNKNOWN;
  const stateAt = innerAt[CtaTcp.STATE]!;
  return stateAt === 0 || innerSize[CtaTcp.STATE] === 0 ? UNKNOWN : bytes[stateAt]!;
}

function counters(bytes: Uint8Array, words: Int32Array, type: number, to: ListedDirection): void {
  if (!findPart(words, at, size, type) || !partsAre(CtaCounters.BYTES, 8)) return;
  to.packets = readU64(bytes, partAt[CtaCounters.PACKETS]!);
  to.bytes = readU64(bytes, partAt[CtaCounters.BYTES]!);
}

function times(bytes: Uint8Array, words: Int32Array, flow: ListedFlow): void {
  if (!findPart(words, at, size, Cta.TIMESTAMP)) return;
  const start = partAt[CtaTimestamp.START]!;
  const stop = partAt[CtaTimestamp.STOP]!;
  if (start !== 0 && partSize[CtaTimestamp.START]! >= 8) flow.start = secondsAt(bytes, start);
  if (stop !== 0 && partSize[CtaTimestamp.STOP]! >= 8) flow.stop = secondsAt(bytes, stop);
}

/** The string in part `part` of a nest, without its NUL; empty if it is not there. */
function name(bytes: Uint8Array, words: Int32Array, type: number, part: number): string {
  if (!findPart(words, at, size, type) || partAt[part] === 0) return '';
  let text = '';
  const end = partAt[part]! + partSize[part]!;
  for (let n = partAt[part]!; n < end && bytes[n] !== 0; n++) text += String.fromCharCode(bytes[n]!);
  return text;
}

function labels(bytes: Uint8Array): readonly number[] {
  const words: number[] = [];
  for (let n = 0; n + 4 <= size[Cta.LABELS]!; n += 4) words.push(readNativeU32(bytes, at[Cta.LABELS]! + n));
  return words;
}

/** The tuple of the flow that expected this one. Undefined if it is malformed. */
function master(bytes: Uint8Array, words: Int32Array): Tuple | undefined {
  const start = at[Cta.TUPLE_MASTER]!;
  if (!readTuple(words, start, start + size[Cta.TUPLE_MASTER]!, tuple)) return undefined;
  const { source4, source6, destination4, destination6 } = tuple;
  const isIpv4 = source4 !== 0 && destination4 !== 0;
  if (!isIpv4 && (source6 === 0 || destination6 === 0)) return undefined;
  return {
    family: isIpv4 ? 4 : 6,
    source: isIpv4 ? formatIpv4(bytes, source4) : formatIpv6(bytes, source6),
    destination: isIpv4 ? formatIpv4(bytes, destination4) : formatIpv6(bytes, destination6),
    protocol: byteAt(bytes, tuple.protocol),
    ...(tuple.sourcePort === 0
      ? {}
      : {
          ports: {
            source: portAt(bytes, tuple.sourcePort),
            destination: portAt(bytes, tuple.destinationPort),
          },
        }),
  };
}
