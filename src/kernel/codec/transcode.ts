/**
 * From ctnetlink's messages to canonical records, byte for byte what the C node sends for the same message: the same
 * attributes, in the same order. Nothing is allocated for a message.
 *
 * What C sends is the work of three parts, and each has its say here: what libnetfilter_conntrack takes from a message
 * (`parse_mnl.c`), when it says that a flow is translated (`objopt.c`), and what conntrackd puts into its own message
 * (`build.c`). The interop tests hold this against a running node.
 */

import { LITTLE_ENDIAN, networkWord, readNativeU32 } from '../../bytes/endian.ts';
import { readU32, writeU16, writeU32 } from '../../bytes/integers.ts';
import { alignedWordsOf } from '../../bytes/words.ts';
import { isIcmp, Protocol, sendsPorts } from '../../flow/protocol.ts';
import { Status } from '../../flow/status.ts';
import {
  ATTRIBUTE_HEADER,
  align4,
  findAttributes,
  HEADERS,
  headerLength,
  headerType,
  MESSAGE_HEADER,
} from '../../system/netlink.ts';
import {
  Attr,
  HELPER_NAME_MAX,
  LABELS_VALUE_MAX,
  RECORD_MAX,
  TLV_HEADER,
  tlvHeader,
} from '../../wire/attribute.ts';
import { ExpAttr, FN_NAME_MAX } from '../../wire/expectation-attribute.ts';
import { stringLength } from '../../wire/record.ts';
import type { KernelCounters, TrafficSink, TranscodeOptions } from '../kernel.ts';
import {
  CTA_COUNT,
  CTA_EXPECT_COUNT,
  Cta,
  CtaCounters,
  CtaDccp,
  CtaExpect,
  CtaExpectNat,
  CtaHelp,
  CtaIp,
  CtaProto,
  CtaProtoinfo,
  CtaSctp,
  CtaSeqAdj,
  CtaSynproxy,
  CtaTcp,
  CtaTimestamp,
  CtaTuple,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
} from './ctnetlink-numbers.ts';
import { type MessageTemplate, MessageTemplates, type TuplePlaces } from './message-template.ts';

/** The message cannot be taken apart, or lacks what a record is made of. */
export const MALFORMED = -1;

/** Where the parts of one tuple lie in a message; 0 where a part is missing. */
class TupleAt {
  source4 = 0;
  destination4 = 0;
  source6 = 0;
  destination6 = 0;
  protocol = 0;
  sourcePort = 0;
  destinationPort = 0;
  icmpId = 0;
  icmpType = 0;
  icmpCode = 0;

  clear(): void {
    this.source4 = 0;
    this.destination4 = 0;
    this.source6 = 0;
    this.destination6 = 0;
    this.protocol = 0;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.icmpId = 0;
    this.icmpType = 0;
    this.icmpCode = 0;
  }
}

/** Puts into `tuple` where its parts lie in the message that begins at this word. */
function placeTuple(places: TuplePlaces, at: number, tuple: TupleAt): void {
  const { addressWords, source, destination, protocol, sourcePort, destinationPort } = places;
  tuple.clear();
  if (addressWords === 1) {
    tuple.source4 = (at + source) << 2;
    tuple.destination4 = (at + destination) << 2;
  } else {
    tuple.source6 = (at + source) << 2;
    tuple.destination6 = (at + destination) << 2;
  }
  tuple.protocol = (at + protocol) << 2;
  tuple.sourcePort = (at + sourcePort) << 2;
  tuple.destinationPort = (at + destinationPort) << 2;
}

const innerAt = new Int32Array(6);
const innerSize = new Int32Array(6);

// The tuples are most of a message, so they are read without the tables that serve for the rest.

function readTuple(words: Int32Array, start: number, end: number, tuple: TupleAt): boolean {
  tuple.clear();
  for (let at = start; end - at >= ATTRIBUTE_HEADER; ) {
    const header = words[at >> 2]!;
    const length = headerLength(header);
    if (length < ATTRIBUTE_HEADER || length > end - at) return false;
    const type = headerType(header);
    if (type === CtaTuple.IP) {
      if (!readAddresses(words, at + ATTRIBUTE_HEADER, at + length, tuple)) return false;
    } else if (type === CtaTuple.PROTO) {
      if (!readLayer4(words, at + ATTRIBUTE_HEADER, at + length, tuple)) return false;
    }
    at += align4(length);
  }
  return true;
}

function readAddresses(words: Int32Array, start: number, end: number, tuple: TupleAt): boolean {
  for (let at = start; end - at >= ATTRIBUTE_HEADER; ) {
    const header = words[at >> 2]!;
    const length = headerLength(header);
    if (length < ATTRIBUTE_HEADER || length > end - at) return false;
    const value = at + ATTRIBUTE_HEADER;
    const size = length - ATTRIBUTE_HEADER;
    switch (headerType(header)) {
      case CtaIp.V4_SRC:
        if (size < 4) return false;
        tuple.source4 = value;
        break;
      case CtaIp.V4_DST:
        if (size < 4) return false;
        tuple.destination4 = value;
        break;
      case CtaIp.V6_SRC:
        if (size < 16) return false;
        tuple.source6 = value;
        break;
      case CtaIp.V6_DST:
        if (size < 16) return false;
        tuple.destination6 = value;
        break;
    }
    at += align4(length);
  }
  return true;
}

function readLayer4(words: Int32Array, start: number, end: number, tuple: TupleAt): boolean {
  for (let at = start; end - at >= ATTRIBUTE_HEADER; ) {
    const header = words[at >> 2]!;
    const length = headerLength(header);
    if (length < ATTRIBUTE_HEADER || length > end - at) return false;
    const value = at + ATTRIBUTE_HEADER;
    const size = length - ATTRIBUTE_HEADER;
    switch (headerType(header)) {
      case CtaProto.NUM:
        if (size < 1) return false;
        tuple.protocol = value;
        break;
      case CtaProto.SRC_PORT:
        if (size < 2) return false;
        tuple.sourcePort = value;
        break;
      case CtaProto.DST_PORT:
        if (size < 2) return false;
        tuple.destinationPort = value;
        break;
      case CtaProto.ICMP_ID:
      case CtaProto.ICMPV6_ID:
        if (size < 2) return false;
        tuple.icmpId = value;
        break;
      case CtaProto.ICMP_TYPE:
      case CtaProto.ICMPV6_TYPE:
        if (size < 1) return false;
        tuple.icmpType = value;
        break;
      case CtaProto.ICMP_CODE:
      case CtaProto.ICMPV6_CODE:
        if (size < 1) return false;
        tuple.icmpCode = value;
        break;
    }
    at += align4(length);
  }
  return true;
}

function equal(words: Int32Array, one: number, other: number, size: number): boolean {
  for (let n = 0; n < size; n += 4) if (words[(one + n) >> 2] !== words[(other + n) >> 2]) return false;
  return true;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return at === 0 ? 0 : bytes[at]!;
}

/**
 * The 16 bits that libnetfilter_conntrack keeps as a tuple's layer 4 source: a port, or an ICMP id. In its union the
 * destination of an ICMP tuple is type and code, and its test for translated ports compares the two without asking for the
 * protocol: an ICMP flow in a translating kernel nearly always counts as port-translated, to port 0.
 */
function layer4Source(bytes: Uint8Array, tuple: TupleAt): number {
  const at = tuple.icmpId || tuple.sourcePort;
  return at === 0 ? 0 : (bytes[at]! << 8) | bytes[at + 1]!;
}

function layer4Destination(bytes: Uint8Array, tuple: TupleAt): number {
  if (tuple.icmpType !== 0 || tuple.icmpCode !== 0) {
    return (byteAt(bytes, tuple.icmpType) << 8) | byteAt(bytes, tuple.icmpCode);
  }
  const at = tuple.destinationPort;
  return at === 0 ? 0 : (bytes[at]! << 8) | bytes[at + 1]!;
}

function portAt(bytes: Uint8Array, at: number): number {
  return at === 0 ? 0 : (bytes[at]! << 8) | bytes[at + 1]!;
}

const flowAt = new Int32Array(CTA_COUNT);
const flowSize = new Int32Array(CTA_COUNT);
const expectAt = new Int32Array(CTA_EXPECT_COUNT);
const expectSize = new Int32Array(CTA_EXPECT_COUNT);
const partAt = new Int32Array(4);
const partSize = new Int32Array(4);
const original = new TupleAt();
const reply = new TupleAt();
const master = new TupleAt();

/** True if the nest of that type is there and its attributes could be found; they are in `partAt` and `partSize` then. */
function part(words: Int32Array, at: Int32Array, size: Int32Array, type: number): boolean {
  const start = at[type]!;
  return start !== 0 && findAttributes(words, start, start + size[type]!, partAt, partSize);
}

/** True if the parts 1 to `last` are all there with at least `size` bytes. */
function partsAre(last: number, size: number): boolean {
  for (let type = 1; type <= last; type++) if (partAt[type] === 0 || partSize[type]! < size) return false;
  return true;
}

/** A 64-bit number in network byte order; exact to 2^53. */
function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) * 2 ** 32 + readU32(bytes, at + 4);
}

/** Whole seconds of a 64-bit number of nanoseconds. */
function secondsAt(bytes: Uint8Array, at: number): number {
  return Math.floor(readU64(bytes, at) / 1e9);
}

/** The word of a padded 8-bit value. */
function word8(value: number): number {
  return LITTLE_ENDIAN ? value : value << 24;
}

/** The word of a padded 16-bit value in network byte order. */
function word16(value: number): number {
  return LITTLE_ENDIAN ? ((value & 0xff) << 8) | (value >>> 8) : value << 16;
}

/**
 * Turns messages of flows and expectations into records. Holds one record at a time, in `record`. Messages and records
 * both keep everything at multiples of 4 bytes, so they are read and written a word at a time.
 */
export class Transcoder {
  /** The record of the last message; valid until the next. */
  readonly record = new Uint8Array(new ArrayBuffer(RECORD_MAX));
  private readonly out = alignedWordsOf(this.record);
  private readonly timeout: boolean;
  private readonly windowScale: boolean;
  private readonly counters: KernelCounters;
  /** The memory that the last message lay in, and its words. */
  private bytes: Uint8Array = new Uint8Array(0);
  private words: Int32Array = new Int32Array(0);
  /** Bytes of the record until now. */
  private end = 0;
  private readonly shapes: MessageTemplates;
  /** Where the last message began and ended, and its shape if it was known. */
  private start = 0;
  private stop = 0;
  private shape: MessageTemplate | undefined;
  /** The shape whose headers stand in the record, with nothing translated between. */
  private whole: MessageTemplate | undefined;

  constructor(options: TranscodeOptions, counters: KernelCounters) {
    this.timeout = options.timeout;
    this.windowScale = options.windowScale;
    this.counters = counters;
    this.shapes = new MessageTemplates(options);
  }

  /** @throws RangeError if the message does not begin at a multiple of 4 bytes, as netlink's do */
  private begin(bytes: Uint8Array, start: number): void {
    if ((start & 3) !== 0) throw new RangeError(`a message at ${start}, not a multiple of 4`);
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.words = alignedWordsOf(bytes);
    }
    this.end = 0;
  }

  private word(type: number, size: number, value: number): void {
    const { out, end } = this;
    out[end >> 2] = tlvHeader(type, size);
    out[(end >> 2) + 1] = value;
    this.end = end + 8;
  }

  private u8(type: number, value: number): void {
    this.word(type, 1, word8(value));
  }

  private u16(type: number, value: number): void {
    this.word(type, 2, word16(value));
  }

  private u32(type: number, value: number): void {
    this.word(type, 4, networkWord(value));
  }

  /**
   * The port or ICMP id at `at` in the message (0: none), as C sends it: it takes what is in network byte order already
   * for a number of its own and swaps it again, so a machine with the lowest byte first sends the lowest byte first.
   */
  private swappedU16(type: number, bytes: Uint8Array, at: number): void {
    const value = portAt(bytes, at);
    this.word(type, 2, LITTLE_ENDIAN ? value : value << 16);
  }

  /** `size` bytes of the message, a multiple of 4, as they are. */
  private copy(type: number, at: number, size: number): void {
    const { out, words } = this;
    let to = this.end >> 2;
    out[to++] = tlvHeader(type, size);
    for (let from = at >> 2; from < (at + size) >> 2; from++) out[to++] = words[from]!;
    this.end = to << 2;
  }

  /** Two addresses under one header. */
  private pair(type: number, one: number, other: number, size: number): void {
    const { out, words } = this;
    let to = this.end >> 2;
    out[to++] = tlvHeader(type, 2 * size);
    for (let from = one >> 2; from < (one + size) >> 2; from++) out[to++] = words[from]!;
    for (let from = other >> 2; from < (other + size) >> 2; from++) out[to++] = words[from]!;
    this.end = to << 2;
  }

  /** True if the tuple has addresses, which now stand in the record. */
  private addresses(v4: number, v6: number, tuple: TupleAt): boolean {
    if (tuple.source4 !== 0 && tuple.destination4 !== 0) {
      this.pair(v4, tuple.source4, tuple.destination4, 4);
    } else if (tuple.source6 !== 0 && tuple.destination6 !== 0) {
      this.pair(v6, tuple.source6, tuple.destination6, 16);
    } else {
      return false;
    }
    return true;
  }

  private ports(type: number, bytes: Uint8Array, tuple: TupleAt): void {
    if (tuple.sourcePort === 0 || tuple.destinationPort === 0) return;
    const ports = (portAt(bytes, tuple.sourcePort) << 16) | portAt(bytes, tuple.destinationPort);
    this.word(type, 4, networkWord(ports));
  }

  /** A string of at most `max` bytes, or nothing if it is longer: the C receiver would refuse the whole message. */
  private name(type: number, bytes: Uint8Array, at: number, size: number, max: number): boolean {
    const length = stringLength(bytes, at, size);
    if (length > max) return false;
    const { record } = this;
    let to = this.end;
    writeU16(record, to, TLV_HEADER + length + 1);
    writeU16(record, to + 2, type);
    to += TLV_HEADER;
    for (let n = 0; n < length; n++) record[to++] = bytes[at + n]!;
    do record[to++] = 0;
    while (to & 3);
    this.end = to;
    return true;
  }

  /**
   * The record of the flow message `bytes[start, end)`, headers included. Returns its size in bytes, or `MALFORMED`.
   * Where the zones of the two directions differ the C node drops them, and so does this.
   */
  flow(bytes: Uint8Array, start: number, end: number): number {
    if (end - start < HEADERS) return MALFORMED;
    this.begin(bytes, start);
    this.start = start;
    this.stop = end;
    const shape = this.shapes.find(this.words, start, end);
    this.shape = shape;
    return shape === undefined
      ? this.flowByAttributes(bytes, start, end)
      : this.flowByShape(shape, bytes, start >> 2);
  }

  /** @param at where the message begins, in words */
  private flowByShape(shape: MessageTemplate, bytes: Uint8Array, at: number): number {
    const { words, out } = this;
    const { head, tail } = shape;
    if (this.whole !== shape) {
      head.begin(out, 0);
      tail.begin(out, head.length);
      this.whole = shape;
    }
    head.fill(words, at, out, 0);
    this.end = head.length << 2;
    const status = networkWord(words[at + shape.status]!);
    const source = (status & Status.SRC_NAT_DONE) !== 0;
    const destination = (status & Status.DST_NAT_DONE) !== 0;
    if (source || destination) {
      placeTuple(shape.original, at, original);
      placeTuple(shape.reply, at, reply);
      this.translated(bytes, bytes[(at << 2) + MESSAGE_HEADER]!, source, destination);
      tail.begin(out, this.end >> 2);
      this.whole = undefined;
    }
    tail.fill(words, at, out, this.end >> 2);
    this.end += tail.length << 2;
    return this.end;
  }

  private flowByAttributes(bytes: Uint8Array, start: number, end: number): number {
    this.whole = undefined;
    if (!findAttributes(this.words, start + HEADERS, end, flowAt, flowSize)) return MALFORMED;
    const at = flowAt;
    const tupleAt = at[Cta.TUPLE_ORIG]!;
    if (tupleAt === 0 || !readTuple(this.words, tupleAt, tupleAt + flowSize[Cta.TUPLE_ORIG]!, original)) {
      return MALFORMED;
    }
    if (original.protocol === 0 || !this.numbersFit()) return MALFORMED;
    const protocol = bytes[original.protocol]!;
    const status = at[Cta.STATUS] === 0 ? 0 : readU32(bytes, at[Cta.STATUS]!);

    if (!this.addresses(Attr.IPV4, Attr.IPV6, original)) return MALFORMED;
    this.u32(Attr.STATUS, status);
    this.u8(Attr.L4PROTO, protocol);
    this.protocolState(bytes, protocol);
    if (this.timeout && at[Cta.TIMEOUT] !== 0) this.copy(Attr.TIMEOUT, at[Cta.TIMEOUT]!, 4);
    if (at[Cta.MARK] !== 0) this.copy(Attr.MARK, at[Cta.MARK]!, 4);
    if (at[Cta.TUPLE_MASTER] !== 0 && !this.masterOf(bytes)) return MALFORMED;
    if (at[Cta.TUPLE_REPLY] !== 0 && !this.translation(bytes, bytes[start + 16]!, status)) return MALFORMED;
    this.sequenceAdjustment(bytes);
    this.helper(bytes);
    this.labels(bytes);
    this.synproxy(bytes);
    if (at[Cta.ZONE] !== 0) this.u16(Attr.ZONE, portAt(bytes, at[Cta.ZONE]!));
    if (!sendsPorts(protocol)) this.ports(Attr.LOCAL_PORT, bytes, original);
    if (at[Cta.ID] !== 0) this.u32(Attr.LOCAL_ID, readU32(bytes, at[Cta.ID]!));
    return this.end;
  }

  private numbersFit(): boolean {
    return (
      fits(flowAt, flowSize, Cta.STATUS, 4) &&
      fits(flowAt, flowSize, Cta.TIMEOUT, 4) &&
      fits(flowAt, flowSize, Cta.MARK, 4) &&
      fits(flowAt, flowSize, Cta.ID, 4) &&
      fits(flowAt, flowSize, Cta.ZONE, 2)
    );
  }

  private protocolState(bytes: Uint8Array, protocol: number): void {
    if (isIcmp(protocol)) {
      if (original.icmpType === 0) return;
      this.u8(Attr.ICMP_TYPE, bytes[original.icmpType]!);
      this.u8(Attr.ICMP_CODE, byteAt(bytes, original.icmpCode));
      this.swappedU16(Attr.ICMP_ID, bytes, original.icmpId);
      return;
    }
    if (!sendsPorts(protocol)) return;
    this.ports(Attr.PORT, bytes, original);
    if (!part(this.words, flowAt, flowSize, Cta.PROTOINFO)) return;
    const info =
      protocol === Protocol.TCP
        ? CtaProtoinfo.TCP
        : protocol === Protocol.SCTP
          ? CtaProtoinfo.SCTP
          : protocol === Protocol.DCCP
            ? CtaProtoinfo.DCCP
            : 0;
    const infoAt = partAt[info]!;
    if (info === 0 || infoAt === 0) return;
    if (!findAttributes(this.words, infoAt, infoAt + partSize[info]!, innerAt, innerSize)) return;
    if (info === CtaProtoinfo.TCP) this.tcp(bytes);
    else if (info === CtaProtoinfo.SCTP) this.sctp(bytes);
    else this.dccp(bytes);
  }

  private tcp(bytes: Uint8Array): void {
    if (!fits(innerAt, innerSize, CtaTcp.STATE, 1) || innerAt[CtaTcp.STATE] === 0) return;
    this.u8(Attr.TCP_STATE, bytes[innerAt[CtaTcp.STATE]!]!);
    if (!this.windowScale) return;
    // A destroyed flow's message has the state alone.
    const forth = innerAt[CtaTcp.WSCALE_ORIGINAL]!;
    const back = innerAt[CtaTcp.WSCALE_REPLY]!;
    if (forth === 0 || back === 0) return;
    if (innerSize[CtaTcp.WSCALE_ORIGINAL] === 0 || innerSize[CtaTcp.WSCALE_REPLY] === 0) return;
    this.u8(Attr.TCP_WSCALE_ORIG, bytes[forth]!);
    this.u8(Attr.TCP_WSCALE_REPL, bytes[back]!);
  }

  private sctp(bytes: Uint8Array): void {
    if (innerAt[CtaSctp.STATE] === 0 || innerSize[CtaSctp.STATE] === 0) return;
    this.u8(Attr.SCTP_STATE, bytes[innerAt[CtaSctp.STATE]!]!);
    if (!fits(innerAt, innerSize, CtaSctp.VTAG_ORIGINAL, 4)) return;
    if (!fits(innerAt, innerSize, CtaSctp.VTAG_REPLY, 4)) return;
    const forth = innerAt[CtaSctp.VTAG_ORIGINAL]!;
    const back = innerAt[CtaSctp.VTAG_REPLY]!;
    this.u32(Attr.SCTP_VTAG_ORIG, forth === 0 ? 0 : readU32(bytes, forth));
    this.u32(Attr.SCTP_VTAG_REPL, back === 0 ? 0 : readU32(bytes, back));
  }

  private dccp(bytes: Uint8Array): void {
    if (innerAt[CtaDccp.STATE] === 0 || innerSize[CtaDccp.STATE] === 0) return;
    if (!fits(innerAt, innerSize, CtaDccp.ROLE, 1)) return;
    this.u8(Attr.DCCP_STATE, bytes[innerAt[CtaDccp.STATE]!]!);
    this.u8(Attr.DCCP_ROLE, byteAt(bytes, innerAt[CtaDccp.ROLE]!));
  }

  private masterOf(bytes: Uint8Array): boolean {
    const at = flowAt[Cta.TUPLE_MASTER]!;
    if (!readTuple(this.words, at, at + flowSize[Cta.TUPLE_MASTER]!, master)) return false;
    if (!this.addresses(Attr.MASTER_IPV4, Attr.MASTER_IPV6, master)) return true;
    this.u8(Attr.MASTER_L4PROTO, byteAt(bytes, master.protocol));
    this.ports(Attr.MASTER_PORT, bytes, master);
    return true;
  }

  /** SNAT, DNAT and their ports: where the reply tuple is not the inverse of the original, if the status says so too. */
  private translation(bytes: Uint8Array, family: number, status: number): boolean {
    const at = flowAt[Cta.TUPLE_REPLY]!;
    if (!readTuple(this.words, at, at + flowSize[Cta.TUPLE_REPLY]!, reply)) return false;
    const unknown = flowAt[Cta.STATUS] === 0;
    const source = unknown || (status & Status.SRC_NAT_DONE) !== 0;
    const destination = unknown || (status & Status.DST_NAT_DONE) !== 0;
    if (source || destination) this.translated(bytes, family, source, destination);
    return true;
  }

  private translated(bytes: Uint8Array, family: number, source: boolean, destination: boolean): void {
    if (
      family === NFPROTO_IPV4 &&
      original.source4 !== 0 &&
      reply.source4 !== 0 &&
      reply.destination4 !== 0
    ) {
      if (source && !equal(this.words, reply.destination4, original.source4, 4)) {
        this.copy(Attr.SNAT_IPV4, reply.destination4, 4);
      }
      if (destination && !equal(this.words, reply.source4, original.destination4, 4)) {
        this.copy(Attr.DNAT_IPV4, reply.source4, 4);
      }
    } else if (
      family === NFPROTO_IPV6 &&
      original.source6 !== 0 &&
      reply.source6 !== 0 &&
      reply.destination6 !== 0
    ) {
      if (source && !equal(this.words, reply.destination6, original.source6, 16)) {
        this.copy(Attr.SNAT_IPV6, reply.destination6, 16);
      }
      if (destination && !equal(this.words, reply.source6, original.destination6, 16)) {
        this.copy(Attr.DNAT_IPV6, reply.source6, 16);
      }
    }
    if (source && layer4Destination(bytes, reply) !== layer4Source(bytes, original)) {
      this.swappedU16(Attr.SPAT_PORT, bytes, reply.destinationPort);
    }
    if (destination && layer4Source(bytes, reply) !== layer4Destination(bytes, original)) {
      this.swappedU16(Attr.DPAT_PORT, bytes, reply.sourcePort);
    }
  }

  private sequenceAdjustment(bytes: Uint8Array): void {
    if (!part(this.words, flowAt, flowSize, Cta.SEQ_ADJ_ORIG) || !partsAre(CtaSeqAdj.OFFSET_AFTER, 4)) return;
    const position = partAt[CtaSeqAdj.CORRECTION_POS]!;
    const before = partAt[CtaSeqAdj.OFFSET_BEFORE]!;
    const after = partAt[CtaSeqAdj.OFFSET_AFTER]!;
    const { record } = this;
    const began = this.end;
    if (!part(this.words, flowAt, flowSize, Cta.SEQ_ADJ_REPLY) || !partsAre(CtaSeqAdj.OFFSET_AFTER, 4))
      return;
    writeU16(record, began, TLV_HEADER + 24);
    writeU16(record, began + 2, Attr.NAT_SEQ_ADJ);
    writeU32(record, began + 4, readU32(bytes, position));
    writeU32(record, began + 8, readU32(bytes, before));
    writeU32(record, began + 12, readU32(bytes, after));
    writeU32(record, began + 16, readU32(bytes, partAt[CtaSeqAdj.CORRECTION_POS]!));
    writeU32(record, began + 20, readU32(bytes, partAt[CtaSeqAdj.OFFSET_BEFORE]!));
    writeU32(record, began + 24, readU32(bytes, partAt[CtaSeqAdj.OFFSET_AFTER]!));
    this.end = began + 28;
  }

  private helper(bytes: Uint8Array): void {
    if (!part(this.words, flowAt, flowSize, Cta.HELP) || partAt[CtaHelp.NAME] === 0) return;
    const size = partSize[CtaHelp.NAME]!;
    if (!this.name(Attr.HELPER_NAME, bytes, partAt[CtaHelp.NAME]!, size, HELPER_NAME_MAX)) {
      this.counters.helperNamesDropped++;
    }
  }

  /** The kernel's words are in its own byte order, lowest first; none is sent if no bit is set. */
  private labels(bytes: Uint8Array): void {
    const at = flowAt[Cta.LABELS]!;
    const size = flowSize[Cta.LABELS]! & ~3;
    if (at === 0 || size === 0 || size > LABELS_VALUE_MAX) return;
    let any = 0;
    for (let n = 0; n < size; n++) any |= bytes[at + n]!;
    if (any === 0) return;
    const { record } = this;
    writeU16(record, this.end, TLV_HEADER + size);
    writeU16(record, this.end + 2, Attr.LABELS);
    for (let n = 0; n < size; n += 4) {
      writeU32(record, this.end + TLV_HEADER + n, readNativeU32(bytes, at + n));
    }
    this.end += TLV_HEADER + size;
  }

  private synproxy(bytes: Uint8Array): void {
    if (!part(this.words, flowAt, flowSize, Cta.SYNPROXY) || !partsAre(CtaSynproxy.TSOFF, 4)) return;
    const { record, end } = this;
    writeU16(record, end, TLV_HEADER + 12);
    writeU16(record, end + 2, Attr.SYNPROXY);
    writeU32(record, end + 4, readU32(bytes, partAt[CtaSynproxy.ITS]!));
    writeU32(record, end + 8, readU32(bytes, partAt[CtaSynproxy.ISN]!));
    writeU32(record, end + 12, readU32(bytes, partAt[CtaSynproxy.TSOFF]!));
    this.end = end + 16;
  }

  /** Finds the attributes of the flow's message that was transcoded last; false if it tells of nothing more. */
  private tellsMore(): boolean {
    if (this.shape === undefined) return true;
    return (
      this.shape.tellsMore && findAttributes(this.words, this.start + HEADERS, this.stop, flowAt, flowSize)
    );
  }

  /** Tells `sink` the counters of the flow message that was transcoded last, if it has any. */
  traffic(bytes: Uint8Array, sink: TrafficSink): void {
    if (!this.tellsMore()) return;
    let packets = 0;
    let octets = 0;
    let counted = false;
    if (part(this.words, flowAt, flowSize, Cta.COUNTERS_ORIG) && partsAre(CtaCounters.BYTES, 8)) {
      packets = readU64(bytes, partAt[CtaCounters.PACKETS]!);
      octets = readU64(bytes, partAt[CtaCounters.BYTES]!);
      counted = true;
    }
    if (part(this.words, flowAt, flowSize, Cta.COUNTERS_REPLY) && partsAre(CtaCounters.BYTES, 8)) {
      const back = readU64(bytes, partAt[CtaCounters.PACKETS]!);
      sink.traffic(packets, octets, back, readU64(bytes, partAt[CtaCounters.BYTES]!));
    } else if (counted) {
      sink.traffic(packets, octets, 0, 0);
    }
  }

  /** Tells `sink` the times of the flow message that was transcoded last, if it has any. */
  times(bytes: Uint8Array, sink: TrafficSink): void {
    if (sink.times === undefined || !this.tellsMore() || !part(this.words, flowAt, flowSize, Cta.TIMESTAMP))
      return;
    const start = partAt[CtaTimestamp.START]!;
    const stop = partAt[CtaTimestamp.STOP]!;
    if (start === 0 || partSize[CtaTimestamp.START]! < 8) return;
    const ended = stop !== 0 && partSize[CtaTimestamp.STOP]! >= 8;
    sink.times(secondsAt(bytes, start), ended ? secondsAt(bytes, stop) : 0);
  }

  /** As `flow`, for an expectation's message. */
  expectation(bytes: Uint8Array, start: number, end: number): number {
    if (end - start < HEADERS) return MALFORMED;
    this.begin(bytes, start);
    this.whole = undefined;
    if (!findAttributes(this.words, start + HEADERS, end, expectAt, expectSize)) return MALFORMED;
    if (
      !fits(expectAt, expectSize, CtaExpect.TIMEOUT, 4) ||
      !fits(expectAt, expectSize, CtaExpect.FLAGS, 4)
    ) {
      return MALFORMED;
    }
    if (!fits(expectAt, expectSize, CtaExpect.CLASS, 4)) return MALFORMED;
    if (!this.expectationTuple(bytes, CtaExpect.MASTER, ExpAttr.MASTER_IPV4)) return MALFORMED;
    if (!this.expectationTuple(bytes, CtaExpect.TUPLE, ExpAttr.EXPECT_IPV4)) return MALFORMED;
    if (!this.expectationTuple(bytes, CtaExpect.MASK, ExpAttr.MASK_IPV4)) return MALFORMED;
    const timeout = expectAt[CtaExpect.TIMEOUT]!;
    const flags = expectAt[CtaExpect.FLAGS]!;
    const policy = expectAt[CtaExpect.CLASS]!;
    if (this.timeout && timeout !== 0) this.copy(ExpAttr.TIMEOUT, timeout, 4);
    this.u32(ExpAttr.FLAGS, flags === 0 ? 0 : readU32(bytes, flags));
    if (policy !== 0) this.copy(ExpAttr.CLASS, policy, 4);
    if (!this.expectationNat(bytes)) return MALFORMED;
    const helper = expectAt[CtaExpect.HELP_NAME]!;
    if (helper !== 0) {
      const size = expectSize[CtaExpect.HELP_NAME]!;
      if (!this.name(ExpAttr.HELPER_NAME, bytes, helper, size, HELPER_NAME_MAX)) {
        this.counters.helperNamesDropped++;
      }
    }
    const name = expectAt[CtaExpect.FN]!;
    if (name !== 0) this.name(ExpAttr.FN, bytes, name, expectSize[CtaExpect.FN]!, FN_NAME_MAX);
    return this.end;
  }

  /** One of the three tuples; its attributes are `first` (IPv4), then IPv6, L4PROTO and PORT. */
  private expectationTuple(bytes: Uint8Array, type: number, first: number): boolean {
    const at = expectAt[type]!;
    if (at === 0 || !readTuple(this.words, at, at + expectSize[type]!, original)) return false;
    if (original.protocol === 0 || !this.addresses(first, first + 1, original)) return false;
    const protocol = bytes[original.protocol]!;
    this.u8(first + 2, protocol);
    if (sendsPorts(protocol)) this.ports(first + 3, bytes, original);
    return true;
  }

  private expectationNat(bytes: Uint8Array): boolean {
    if (!part(this.words, expectAt, expectSize, CtaExpect.NAT)) return true;
    const tuple = partAt[CtaExpectNat.TUPLE]!;
    const direction = partAt[CtaExpectNat.DIR]!;
    if (tuple === 0) return true;
    if (direction !== 0 && partSize[CtaExpectNat.DIR]! < 4) return false;
    if (!readTuple(this.words, tuple, tuple + partSize[CtaExpectNat.TUPLE]!, original)) return false;
    if (original.source4 !== 0 && original.destination4 !== 0) {
      this.pair(ExpAttr.NAT_IPV4, original.source4, original.destination4, 4);
    }
    const protocol = byteAt(bytes, original.protocol);
    this.u8(ExpAttr.NAT_L4PROTO, protocol);
    if (sendsPorts(protocol)) this.ports(ExpAttr.NAT_PORT, bytes, original);
    this.u32(ExpAttr.NAT_DIR, direction === 0 ? 0 : readU32(bytes, direction));
    return true;
  }
}

/** True if the attribute is not there, or has at least `least` bytes. */
function fits(at: Int32Array, size: Int32Array, type: number, least: number): boolean {
  return at[type] === 0 || size[type]! >= least;
}
