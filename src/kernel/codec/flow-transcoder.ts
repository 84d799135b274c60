/**
 * Converts ctnetlink flow messages to canonical records. The result is byte for byte what the C node sends
 * for the same message: the same attributes in the same order. Allocates nothing per message.
 *
 * Three parts of the C program decide what it sends: what libnetfilter_conntrack reads from a message
 * (`parse_mnl.c`), when it considers a flow translated (`objopt.c`), and what conntrackd writes into its own
 * message (`build.c`). The interop tests compare the result with a running C node.
 */

import { networkWord } from '../../bytes/endian.ts';
import { readU32 } from '../../bytes/integers.ts';
import {
  DEFAULT_TIMEOUTS,
  offloadedTimeout,
  type ProtocolTimeouts,
  TCP_ESTABLISHED,
} from '../../flow/offloaded.ts';
import { isIcmp, Protocol, sendsPorts } from '../../flow/protocol.ts';
import { Status } from '../../flow/status.ts';
import { findAttributes, HEADERS, MESSAGE_HEADER } from '../../system/netlink.ts';
import { Attr, HELPER_NAME_MAX, LABELS_VALUE_MAX } from '../../wire/attribute.ts';
import type { KernelCounters, TrafficSink, TranscodeOptions } from '../kernel.ts';
import {
  CTA_COUNT,
  Cta,
  CtaCounters,
  CtaDccp,
  CtaHelp,
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
import { type MessageTemplate, MessageTemplates } from './message-template.ts';
import { findPart, fits, partAt, partSize, partsAre } from './nested-attributes.ts';
import { RecordWriter } from './record-writer.ts';
import {
  byteAt,
  layer4Destination,
  layer4Source,
  placeTuple,
  portAt,
  readTuple,
  sameBytes,
  TupleOffsets,
} from './tuple-reader.ts';
import { readU64, secondsAt } from './wide-numbers.ts';

/** The message cannot be parsed, or lacks an attribute that a record requires. */
export const MALFORMED = -1;

const innerAt = new Int32Array(6);
const innerSize = new Int32Array(6);
const flowAt = new Int32Array(CTA_COUNT);
const flowSize = new Int32Array(CTA_COUNT);
const original = new TupleOffsets();
const reply = new TupleOffsets();
const master = new TupleOffsets();

/** The flow cannot be expressed in a record, and is counted. */
export const REFUSED = -2;

/** Converts flow messages to records. Holds one record at a time, in `record`. */
export class FlowTranscoder extends RecordWriter {
  protected readonly timeout: boolean;
  private readonly windowScale: boolean;
  private readonly withLabels: boolean;
  private readonly timeouts: ProtocolTimeouts;
  protected readonly counters: KernelCounters;
  private readonly templates: MessageTemplates;
  /** Bounds of the last message, and its template if it has one. */
  private start = 0;
  private stop = 0;
  private template: MessageTemplate | undefined;
  /**
   * The template, if every header is already in the record and no translation attributes come between them;
   * else undefined.
   */
  protected wholeTemplate: MessageTemplate | undefined;

  constructor(options: TranscodeOptions, counters: KernelCounters) {
    super();
    this.timeout = options.timeout;
    this.windowScale = options.windowScale;
    this.withLabels = options.labels ?? true;
    this.timeouts = options.timeouts ?? DEFAULT_TIMEOUTS;
    this.counters = counters;
    this.templates = new MessageTemplates(options);
  }

  /**
   * Converts the flow message `bytes[start, end)`, netlink header included, to a record. Returns its size in
   * bytes, or `MALFORMED`, or `REFUSED` if only one direction is in a zone (nft's `ct original zone set`): a record has
   * one zone for both, and a commit without it would put the flow into zone 0. (The C node sends it so.)
   */
  flow(bytes: Uint8Array, start: number, end: number): number {
    if (end - start < HEADERS) return MALFORMED;
    this.begin(bytes, start);
    this.start = start;
    this.stop = end;
    const template = this.templates.find(this.words, start, end);
    this.template = template;
    if (template === undefined) return this.flowByAttributes(bytes, start, end);
    const isOffloaded = (networkWord(this.words[(start >> 2) + template.status]!) & Status.OFFLOAD) !== 0;
    if (!isOffloaded) return this.flowByTemplate(template, bytes, start >> 2);
    this.template = undefined;
    return this.flowByAttributes(bytes, start, end);
  }

  /** @param at start of the message, in words */
  private flowByTemplate(template: MessageTemplate, bytes: Uint8Array, at: number): number {
    const { words, out } = this;
    const { head, tail } = template;
    if (this.wholeTemplate !== template) {
      head.begin(out, 0);
      tail.begin(out, head.length);
      this.wholeTemplate = template;
    }
    head.fill(words, at, out, 0);
    this.end = head.length << 2;
    const status = networkWord(words[at + template.status]!);
    const source = (status & Status.SRC_NAT_DONE) !== 0;
    const destination = (status & Status.DST_NAT_DONE) !== 0;
    if (source || destination) {
      placeTuple(template.original, at, original);
      placeTuple(template.reply, at, reply);
      this.translated(bytes, bytes[(at << 2) + MESSAGE_HEADER]!, source, destination);
      tail.begin(out, this.end >> 2);
      this.wholeTemplate = undefined;
    }
    tail.fill(words, at, out, this.end >> 2);
    this.end += tail.length << 2;
    return this.end;
  }

  private flowByAttributes(bytes: Uint8Array, start: number, end: number): number {
    this.wholeTemplate = undefined;
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
    const isOffloaded = (status & Status.OFFLOAD) !== 0;
    if (isOffloaded && protocol === Protocol.TCP && at[Cta.PROTOINFO] === 0)
      this.u8(Attr.TCP_STATE, TCP_ESTABLISHED);
    if (this.timeout) {
      if (at[Cta.TIMEOUT] !== 0) this.copy(Attr.TIMEOUT, at[Cta.TIMEOUT]!, 4);
      else if (isOffloaded) this.u32(Attr.TIMEOUT, offloadedTimeout(protocol, this.timeouts));
    }
    if (at[Cta.MARK] !== 0) this.copy(Attr.MARK, at[Cta.MARK]!, 4);
    if (at[Cta.TUPLE_MASTER] !== 0 && !this.masterOf(bytes)) return MALFORMED;
    if (at[Cta.TUPLE_REPLY] !== 0 && !this.translation(bytes, bytes[start + 16]!, status)) return MALFORMED;
    if (this.hasTupleZone(Cta.TUPLE_ORIG) || this.hasTupleZone(Cta.TUPLE_REPLY)) {
      this.counters.directionalZones++;
      return REFUSED;
    }
    this.sequenceAdjustment();
    this.helper(bytes);
    if (this.withLabels) this.labels(bytes);
    this.synproxy();
    if (at[Cta.ZONE] !== 0) this.u16(Attr.ZONE, portAt(bytes, at[Cta.ZONE]!));
    if (!sendsPorts(protocol)) this.ports(Attr.LOCAL_PORT, bytes, original);
    if (at[Cta.ID] !== 0) this.u32(Attr.LOCAL_ID, readU32(bytes, at[Cta.ID]!));
    return this.end;
  }

  /** Returns whether a tuple names a zone of its own (CTA_TUPLE_ZONE): the kernel does so where the other has none. */
  private hasTupleZone(type: number): boolean {
    return findPart(this.words, flowAt, flowSize, type) && partAt[CtaTuple.ZONE] !== 0;
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
    if (!findPart(this.words, flowAt, flowSize, Cta.PROTOINFO)) return;
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
    // The kernel's message about a destroyed flow has only the state.
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

  /**
   * Writes SNAT, DNAT and their ports where the reply tuple is not the inverse of the original and the
   * status agrees.
   */
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
      if (source && !sameBytes(this.words, reply.destination4, original.source4, 4)) {
        this.copy(Attr.SNAT_IPV4, reply.destination4, 4);
      }
      if (destination && !sameBytes(this.words, reply.source4, original.destination4, 4)) {
        this.copy(Attr.DNAT_IPV4, reply.source4, 4);
      }
    } else if (
      family === NFPROTO_IPV6 &&
      original.source6 !== 0 &&
      reply.source6 !== 0 &&
      reply.destination6 !== 0
    ) {
      if (source && !sameBytes(this.words, reply.destination6, original.source6, 16)) {
        this.copy(Attr.SNAT_IPV6, reply.destination6, 16);
      }
      if (destination && !sameBytes(this.words, reply.source6, original.destination6, 16)) {
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

  private sequenceAdjustment(): void {
    if (!findPart(this.words, flowAt, flowSize, Cta.SEQ_ADJ_ORIG) || !partsAre(CtaSeqAdj.OFFSET_AFTER, 4))
      return;
    const position = partAt[CtaSeqAdj.CORRECTION_POS]!;
    const before = partAt[CtaSeqAdj.OFFSET_BEFORE]!;
    const after = partAt[CtaSeqAdj.OFFSET_AFTER]!;
    if (!findPart(this.words, flowAt, flowSize, Cta.SEQ_ADJ_REPLY) || !partsAre(CtaSeqAdj.OFFSET_AFTER, 4))
      return;
    const { CORRECTION_POS, OFFSET_BEFORE, OFFSET_AFTER } = CtaSeqAdj;
    const back = [partAt[CORRECTION_POS]!, partAt[OFFSET_BEFORE]!, partAt[OFFSET_AFTER]!];
    this.numbers(Attr.NAT_SEQ_ADJ, [position, before, after, ...back]);
  }

  private helper(bytes: Uint8Array): void {
    if (!findPart(this.words, flowAt, flowSize, Cta.HELP) || partAt[CtaHelp.NAME] === 0) return;
    const size = partSize[CtaHelp.NAME]!;
    if (!this.name(Attr.HELPER_NAME, bytes, partAt[CtaHelp.NAME]!, size, HELPER_NAME_MAX)) {
      this.counters.helperNamesDropped++;
    }
  }

  /**
   * Writes the labels, unless no bit is set. The kernel sends words in its own byte order, lowest word
   * first.
   */
  private labels(bytes: Uint8Array): void {
    const at = flowAt[Cta.LABELS]!;
    const size = flowSize[Cta.LABELS]! & ~3;
    if (at === 0 || size === 0 || size > LABELS_VALUE_MAX) return;
    let any = 0;
    for (let n = 0; n < size; n++) any |= bytes[at + n]!;
    if (any === 0) return;
    this.nativeWords(Attr.LABELS, bytes, at, size);
  }

  private synproxy(): void {
    if (!findPart(this.words, flowAt, flowSize, Cta.SYNPROXY) || !partsAre(CtaSynproxy.TSOFF, 4)) return;
    const { ITS, ISN, TSOFF } = CtaSynproxy;
    this.numbers(Attr.SYNPROXY, [partAt[ITS]!, partAt[ISN]!, partAt[TSOFF]!]);
  }

  /**
   * Locates the attributes of the last transcoded flow message; false if it has neither counters nor
   * timestamps.
   */
  private tellsMore(): boolean {
    if (this.template === undefined) return true;
    return (
      this.template.tellsMore && findAttributes(this.words, this.start + HEADERS, this.stop, flowAt, flowSize)
    );
  }

  /** Passes the counters of the last transcoded flow message to `sink`, if it has any. */
  traffic(bytes: Uint8Array, sink: TrafficSink): void {
    if (!this.tellsMore()) return;
    let packets = 0;
    let octets = 0;
    let counted = false;
    if (findPart(this.words, flowAt, flowSize, Cta.COUNTERS_ORIG) && partsAre(CtaCounters.BYTES, 8)) {
      packets = readU64(bytes, partAt[CtaCounters.PACKETS]!);
      octets = readU64(bytes, partAt[CtaCounters.BYTES]!);
      counted = true;
    }
    if (findPart(this.words, flowAt, flowSize, Cta.COUNTERS_REPLY) && partsAre(CtaCounters.BYTES, 8)) {
      const back = readU64(bytes, partAt[CtaCounters.PACKETS]!);
      sink.traffic(packets, octets, back, readU64(bytes, partAt[CtaCounters.BYTES]!));
    } else if (counted) {
      sink.traffic(packets, octets, 0, 0);
    }
  }

  /** Passes the timestamps of the last transcoded flow message to `sink`, if it has any. */
  times(bytes: Uint8Array, sink: TrafficSink): void {
    if (
      sink.times === undefined ||
      !this.tellsMore() ||
      !findPart(this.words, flowAt, flowSize, Cta.TIMESTAMP)
    )
      return;
    const start = partAt[CtaTimestamp.START]!;
    const stop = partAt[CtaTimestamp.STOP]!;
    if (start === 0 || partSize[CtaTimestamp.START]! < 8) return;
    const ended = stop !== 0 && partSize[CtaTimestamp.STOP]! >= 8;
    sink.times(secondsAt(bytes, start), ended ? secondsAt(bytes, stop) : 0);
  }
}
