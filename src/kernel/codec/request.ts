/**
 * From canonical records to ctnetlink's requests: what a commit or an injection asks the kernel for.
 *
 * A create is what the C node asks for: the reply tuple is the inverse of the original, and translation is asked for
 * through CTA_NAT_SRC and CTA_NAT_DST, so that the kernel works the reply tuple out. Where this does more than C:
 * - translated ports of SCTP and DCCP are asked for too. C's library leaves them out, and the kernel then picks a port.
 * - an expectation keeps its class, NAT and function. C's library leaves them out, and a translated data connection then
 *   arrives untranslated.
 */

import { readNativeU16, writeNativeU16, writeNativeU32 } from '../../bytes/aligned-words.ts';
import { readU16, readU32 } from '../../bytes/integers.ts';
import { isIcmp, Protocol } from '../../flow/protocol.ts';
import { icmpReplyType } from '../../flow/reply.ts';
import { NAT_MASK, Status } from '../../flow/status.ts';
import { Attr, LABELS_VALUE_MAX, TLV_HEADER } from '../../wire/attribute.ts';
import { ExpAttr } from '../../wire/expectation-attribute.ts';
import {
  ATTRIBUTE_HEADER,
  Cta,
  CtaDccp,
  CtaExpect,
  CtaExpectNat,
  CtaHelp,
  CtaIp,
  CtaNat,
  CtaProto,
  CtaProtoinfo,
  CtaProtonat,
  CtaSctp,
  CtaSeqAdj,
  CtaSynproxy,
  CtaTcp,
  CtaTuple,
  CtnetlinkMessage,
  type NetlinkWriter,
  NFPROTO_IPV4,
  NFPROTO_IPV6,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  Subsystem,
} from './netlink.ts';
import { RecordIndex } from './record-index.ts';

/** No request is longer than this in bytes. */
export const REQUEST_MAX = 1024 + LABELS_VALUE_MAX;

/** IP_CT_TCP_FLAG_BE_LIBERAL: packets outside the window are no reason to call a flow's packet invalid. */
const TCP_BE_LIBERAL = 0x08;

/** The bits that C leaves out of a create. */
export const CREATE_STATUS_OUT = Status.EXPECTED;
/** The bits that C leaves out of an update (IPS_NAT_MASK); the kernel's bits for finished translation stay as they are. */
export const UPDATE_STATUS_OUT = NAT_MASK & (Status.SRC_NAT | Status.DST_NAT);

/** The protocols whose tuples have ports in ctnetlink. */
export function tupleHasPorts(protocol: number): boolean {
  return (
    protocol === Protocol.TCP ||
    protocol === Protocol.UDP ||
    protocol === Protocol.SCTP ||
    protocol === Protocol.DCCP ||
    protocol === Protocol.GRE ||
    protocol === Protocol.UDPLITE
  );
}

/** Those of them whose translated ports a request asks for. */
function translatesPorts(protocol: number): boolean {
  return (
    protocol === Protocol.TCP ||
    protocol === Protocol.UDP ||
    protocol === Protocol.SCTP ||
    protocol === Protocol.DCCP
  );
}

/** The record at hand. */
const index = new RecordIndex();
const { valueAt } = index;

/** Bytes of the value at `at`. */
function valueSize(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at - TLV_HEADER) - TLV_HEADER;
}

function u8At(bytes: Uint8Array, at: number): number {
  return at === 0 ? 0 : bytes[at]!;
}

function u16At(bytes: Uint8Array, at: number): number {
  return at === 0 ? 0 : readU16(bytes, at);
}

/** Address family of the record at hand, by its attributes for either. */
function family(v6: number): number {
  return valueAt[v6] === 0 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

function putAddresses(to: NetlinkWriter, bytes: Uint8Array, v4: number, v6: number, inverse: boolean): void {
  const ip = to.nest(CtaTuple.IP);
  const size = v6 === 0 ? 4 : 16;
  const first = v6 === 0 ? v4 : v6;
  const source = inverse ? first + size : first;
  const destination = inverse ? first : first + size;
  to.copy(v6 === 0 ? CtaIp.V4_SRC : CtaIp.V6_SRC, bytes, source, size);
  to.copy(v6 === 0 ? CtaIp.V4_DST : CtaIp.V6_DST, bytes, destination, size);
  to.endNest(ip);
}

/** A tuple made of attributes as CTA_TUPLE_ORIG, CTA_TUPLE_MASTER or one of an expectation; `ports` may be missing. */
function putTuple(
  to: NetlinkWriter,
  type: number,
  bytes: Uint8Array,
  v4: number,
  v6: number,
  protocol: number,
  ports: number,
): void {
  const tuple = to.nest(type);
  putAddresses(to, bytes, v4, v6, false);
  const proto = to.nest(CtaTuple.PROTO);
  to.u8(CtaProto.NUM, protocol);
  if (tupleHasPorts(protocol)) {
    to.u16(CtaProto.SRC_PORT, u16At(bytes, ports));
    to.u16(CtaProto.DST_PORT, ports === 0 ? 0 : readU16(bytes, ports + 2));
  } else if (isIcmp(protocol)) {
    putIcmp(to, protocol, 0, 0, 0);
  }
  to.endNest(proto);
  to.endNest(tuple);
}

function putIcmp(to: NetlinkWriter, protocol: number, type: number, code: number, id: number): void {
  const six = protocol === Protocol.ICMPV6;
  to.u8(six ? CtaProto.ICMPV6_CODE : CtaProto.ICMP_CODE, code);
  to.u8(six ? CtaProto.ICMPV6_TYPE : CtaProto.ICMP_TYPE, type);
  to.u16(six ? CtaProto.ICMPV6_ID : CtaProto.ICMP_ID, id);
}

/** The flow's original tuple, or its inverse as the reply tuple. */
function putFlowTuple(to: NetlinkWriter, type: number, bytes: Uint8Array, inverse: boolean): void {
  const protocol = bytes[valueAt[Attr.L4PROTO]!]!;
  const tuple = to.nest(type);
  putAddresses(to, bytes, valueAt[Attr.IPV4]!, valueAt[Attr.IPV6]!, inverse);
  const proto = to.nest(CtaTuple.PROTO);
  to.u8(CtaProto.NUM, protocol);
  if (tupleHasPorts(protocol)) {
    const ports = valueAt[Attr.PORT]! || valueAt[Attr.LOCAL_PORT]!;
    const source = u16At(bytes, ports);
    const destination = ports === 0 ? 0 : readU16(bytes, ports + 2);
    to.u16(CtaProto.SRC_PORT, inverse ? destination : source);
    to.u16(CtaProto.DST_PORT, inverse ? source : destination);
  } else if (isIcmp(protocol)) {
    const icmp = u8At(bytes, valueAt[Attr.ICMP_TYPE]!);
    putIcmp(
      to,
      protocol,
      inverse ? icmpReplyType(protocol, icmp) : icmp,
      u8At(bytes, valueAt[Attr.ICMP_CODE]!),
      valueAt[Attr.ICMP_ID] === 0 ? 0 : readNativeU16(bytes, valueAt[Attr.ICMP_ID]!),
    );
  }
  to.endNest(proto);
  to.endNest(tuple);
}

function putProtocolState(to: NetlinkWriter, bytes: Uint8Array, liberal: boolean): void {
  const protocol = bytes[valueAt[Attr.L4PROTO]!]!;
  if (protocol === Protocol.TCP) {
    const state = valueAt[Attr.TCP_STATE]!;
    const forth = valueAt[Attr.TCP_WSCALE_ORIG]!;
    const back = valueAt[Attr.TCP_WSCALE_REPL]!;
    if (state === 0 && forth === 0 && back === 0 && !liberal) return;
    const info = to.nest(Cta.PROTOINFO);
    const tcp = to.nest(CtaProtoinfo.TCP);
    if (state !== 0) to.u8(CtaTcp.STATE, bytes[state]!);
    if (liberal) {
      // struct nf_ct_tcp_flags: flags, and the mask of those that are meant.
      to.u16(CtaTcp.FLAGS_ORIGINAL, (TCP_BE_LIBERAL << 8) | TCP_BE_LIBERAL);
      to.u16(CtaTcp.FLAGS_REPLY, (TCP_BE_LIBERAL << 8) | TCP_BE_LIBERAL);
    }
    if (forth !== 0) to.u8(CtaTcp.WSCALE_ORIGINAL, bytes[forth]!);
    if (back !== 0) to.u8(CtaTcp.WSCALE_REPLY, bytes[back]!);
    to.endNest(tcp);
    to.endNest(info);
  } else if (protocol === Protocol.SCTP) {
    const state = valueAt[Attr.SCTP_STATE]!;
    const forth = valueAt[Attr.SCTP_VTAG_ORIG]!;
    const back = valueAt[Attr.SCTP_VTAG_REPL]!;
    if (state === 0 && forth === 0 && back === 0) return;
    const info = to.nest(Cta.PROTOINFO);
    const sctp = to.nest(CtaProtoinfo.SCTP);
    if (state !== 0) to.u8(CtaSctp.STATE, bytes[state]!);
    if (forth !== 0) to.copy(CtaSctp.VTAG_ORIGINAL, bytes, forth, 4);
    if (back !== 0) to.copy(CtaSctp.VTAG_REPLY, bytes, back, 4);
    to.endNest(sctp);
    to.endNest(info);
  } else if (protocol === Protocol.DCCP) {
    const state = valueAt[Attr.DCCP_STATE]!;
    const role = valueAt[Attr.DCCP_ROLE]!;
    if (state === 0 && role === 0) return;
    const info = to.nest(Cta.PROTOINFO);
    const dccp = to.nest(CtaProtoinfo.DCCP);
    if (state !== 0) to.u8(CtaDccp.STATE, bytes[state]!);
    if (role !== 0) to.u8(CtaDccp.ROLE, bytes[role]!);
    to.endNest(dccp);
    to.endNest(info);
  }
}

/** CTA_NAT_SRC or CTA_NAT_DST: the address and the port that one end was translated to, either of which may be 0 (none). */
function putNat(
  to: NetlinkWriter,
  type: number,
  bytes: Uint8Array,
  v4: number,
  v6: number,
  port: number,
): void {
  if (v4 === 0 && v6 === 0 && port === 0) return;
  const nat = to.nest(type);
  if (v4 !== 0) to.copy(CtaNat.V4_MINIP, bytes, v4, 4);
  else if (v6 !== 0) to.copy(CtaNat.V6_MINIP, bytes, v6, 16);
  if (port !== 0) {
    const proto = to.nest(CtaNat.PROTO);
    if (translatesPorts(bytes[valueAt[Attr.L4PROTO]!]!)) {
      // In records translated ports and ICMP ids are in the byte order of the machine (see transcode.ts).
      to.u16(CtaProtonat.PORT_MIN, readNativeU16(bytes, port));
      to.u16(CtaProtonat.PORT_MAX, readNativeU16(bytes, port));
    }
    to.endNest(proto);
  }
  to.endNest(nat);
}

function putSequenceAdjustment(to: NetlinkWriter, type: number, bytes: Uint8Array, at: number): void {
  const nest = to.nest(type);
  to.copy(CtaSeqAdj.CORRECTION_POS, bytes, at, 4);
  to.copy(CtaSeqAdj.OFFSET_BEFORE, bytes, at + 4, 4);
  to.copy(CtaSeqAdj.OFFSET_AFTER, bytes, at + 8, 4);
  to.endNest(nest);
}

/** The bit mask in the kernel's form: words in this machine's byte order. */
function putLabels(to: NetlinkWriter, bytes: Uint8Array, at: number): void {
  const size = valueSize(bytes, at);
  const { bytes: out, at: began } = to;
  writeNativeU16(out, began, ATTRIBUTE_HEADER + size);
  writeNativeU16(out, began + 2, Cta.LABELS);
  for (let n = 0; n < size; n += 4) {
    writeNativeU32(out, began + ATTRIBUTE_HEADER + n, readU32(bytes, at + n));
  }
  to.at = began + ATTRIBUTE_HEADER + size;
}

function putSynproxy(to: NetlinkWriter, bytes: Uint8Array, at: number): void {
  const nest = to.nest(Cta.SYNPROXY);
  to.copy(CtaSynproxy.ISN, bytes, at + 4, 4);
  to.copy(CtaSynproxy.ITS, bytes, at, 4);
  to.copy(CtaSynproxy.TSOFF, bytes, at + 8, 4);
  to.endNest(nest);
}

/** What a create and an update have in common, behind the tuples. `timeout` 0 leaves it to the record. */
function putState(
  to: NetlinkWriter,
  bytes: Uint8Array,
  statusOut: number,
  timeout: number,
  liberal: boolean,
): void {
  const status = valueAt[Attr.STATUS]!;
  // The library adds CONFIRMED; a status that takes it away the kernel answers with EBUSY.
  if (status !== 0) to.u32(Cta.STATUS, (readU32(bytes, status) & ~statusOut) | Status.CONFIRMED);
  if (timeout > 0) to.u32(Cta.TIMEOUT, timeout);
  else if (valueAt[Attr.TIMEOUT] !== 0) to.copy(Cta.TIMEOUT, bytes, valueAt[Attr.TIMEOUT]!, 4);
  if (valueAt[Attr.MARK] !== 0) to.copy(Cta.MARK, bytes, valueAt[Attr.MARK]!, 4);
  putProtocolState(to, bytes, liberal);
}

function putExtensions(to: NetlinkWriter, bytes: Uint8Array, helper: boolean): void {
  const adjustment = valueAt[Attr.NAT_SEQ_ADJ]!;
  if (adjustment !== 0) {
    putSequenceAdjustment(to, Cta.SEQ_ADJ_ORIG, bytes, adjustment);
    putSequenceAdjustment(to, Cta.SEQ_ADJ_REPLY, bytes, adjustment + 12);
  }
  const name = valueAt[Attr.HELPER_NAME]!;
  if (helper && name !== 0) {
    const help = to.nest(Cta.HELP);
    to.copy(CtaHelp.NAME, bytes, name, valueSize(bytes, name));
    to.endNest(help);
  }
  if (valueAt[Attr.ZONE] !== 0) to.copy(Cta.ZONE, bytes, valueAt[Attr.ZONE]!, 2);
  if (valueAt[Attr.LABELS] !== 0) putLabels(to, bytes, valueAt[Attr.LABELS]!);
  if (valueAt[Attr.SYNPROXY] !== 0) putSynproxy(to, bytes, valueAt[Attr.SYNPROXY]!);
}

/** Appends a request that creates the flow `bytes[start, end)`; see `Batch.create`. */
export function putCreate(
  to: NetlinkWriter,
  sequence: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  timeout: number,
  liberal: boolean,
): void {
  index.take(bytes, start, end);
  const flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  const message = to.message(Subsystem.FLOW, CtnetlinkMessage.NEW, flags, sequence, family(Attr.IPV6));
  putFlowTuple(to, Cta.TUPLE_ORIG, bytes, false);
  putFlowTuple(to, Cta.TUPLE_REPLY, bytes, true);
  const master4 = valueAt[Attr.MASTER_IPV4]!;
  const master6 = valueAt[Attr.MASTER_IPV6]!;
  if (master4 !== 0 || master6 !== 0) {
    const protocol = u8At(bytes, valueAt[Attr.MASTER_L4PROTO]!);
    putTuple(to, Cta.TUPLE_MASTER, bytes, master4, master6, protocol, valueAt[Attr.MASTER_PORT]!);
  }
  putState(to, bytes, CREATE_STATUS_OUT, timeout, liberal);
  const at = valueAt;
  putNat(to, Cta.NAT_SRC, bytes, at[Attr.SNAT_IPV4]!, at[Attr.SNAT_IPV6]!, at[Attr.SPAT_PORT]!);
  putNat(to, Cta.NAT_DST, bytes, at[Attr.DNAT_IPV4]!, at[Attr.DNAT_IPV6]!, at[Attr.DPAT_PORT]!);
  putExtensions(to, bytes, true);
  to.endMessage(message);
}

/** Appends a request that changes the flow `bytes[start, end)`; see `Batch.update`. */
export function putUpdate(
  to: NetlinkWriter,
  sequence: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  timeout: number,
  liberal: boolean,
): void {
  index.take(bytes, start, end);
  const flags = NLM_F_REQUEST | NLM_F_ACK;
  const message = to.message(Subsystem.FLOW, CtnetlinkMessage.NEW, flags, sequence, family(Attr.IPV6));
  putFlowTuple(to, Cta.TUPLE_ORIG, bytes, false);
  putState(to, bytes, UPDATE_STATUS_OUT, timeout, liberal);
  putExtensions(to, bytes, false);
  to.endMessage(message);
}

/** Appends a request about the flow with this record's original tuple and zone: `Message.DELETE` or `Message.GET`. */
export function putFlowLookup(
  to: NetlinkWriter,
  kind: typeof CtnetlinkMessage.DELETE | typeof CtnetlinkMessage.GET,
  sequence: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  index.take(bytes, start, end);
  const message = to.message(Subsystem.FLOW, kind, NLM_F_REQUEST | NLM_F_ACK, sequence, family(Attr.IPV6));
  putFlowTuple(to, Cta.TUPLE_ORIG, bytes, false);
  if (valueAt[Attr.ZONE] !== 0) to.copy(Cta.ZONE, bytes, valueAt[Attr.ZONE]!, 2);
  to.endMessage(message);
}

/** One of the three tuples of the expectation at hand; `first` is its IPv4 attribute. Nothing if it has no address. */
function putExpectationTuple(to: NetlinkWriter, type: number, bytes: Uint8Array, first: number): void {
  const v4 = valueAt[first]!;
  const v6 = valueAt[first + 1]!;
  if (v4 === 0 && v6 === 0) return;
  putTuple(to, type, bytes, v4, v6, u8At(bytes, valueAt[first + 2]!), valueAt[first + 3]!);
}

/**
 * Appends a request that creates the expectation `bytes[start, end)`; `timeout` 0 leaves it to the record. Of C's request
 * this has all, and class, NAT and function besides.
 */
export function putCreateExpectation(
  to: NetlinkWriter,
  sequence: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  timeout: number,
): void {
  index.take(bytes, start, end);
  const flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  const message = to.message(
    Subsystem.EXPECTATION,
    CtnetlinkMessage.NEW,
    flags,
    sequence,
    family(ExpAttr.EXPECT_IPV6),
  );
  putExpectationTuple(to, CtaExpect.TUPLE, bytes, ExpAttr.EXPECT_IPV4);
  putExpectationTuple(to, CtaExpect.MASTER, bytes, ExpAttr.MASTER_IPV4);
  putExpectationTuple(to, CtaExpect.MASK, bytes, ExpAttr.MASK_IPV4);
  const at = valueAt;
  if (timeout > 0) to.u32(CtaExpect.TIMEOUT, timeout);
  else if (at[ExpAttr.TIMEOUT] !== 0) to.copy(CtaExpect.TIMEOUT, bytes, at[ExpAttr.TIMEOUT]!, 4);
  if (at[ExpAttr.FLAGS] !== 0) to.copy(CtaExpect.FLAGS, bytes, at[ExpAttr.FLAGS]!, 4);
  const helper = at[ExpAttr.HELPER_NAME]!;
  if (helper !== 0) to.copy(CtaExpect.HELP_NAME, bytes, helper, valueSize(bytes, helper));
  if (at[ExpAttr.CLASS] !== 0) to.copy(CtaExpect.CLASS, bytes, at[ExpAttr.CLASS]!, 4);
  const nat = at[ExpAttr.NAT_IPV4]!;
  if (nat !== 0 && at[ExpAttr.NAT_DIR] !== 0) {
    const nest = to.nest(CtaExpect.NAT);
    to.copy(CtaExpectNat.DIR, bytes, at[ExpAttr.NAT_DIR]!, 4);
    const protocol = u8At(bytes, at[ExpAttr.NAT_L4PROTO]!);
    putTuple(to, CtaExpectNat.TUPLE, bytes, nat, 0, protocol, at[ExpAttr.NAT_PORT]!);
    to.endNest(nest);
  }
  const name = at[ExpAttr.FN]!;
  if (name !== 0) to.copy(CtaExpect.FN, bytes, name, valueSize(bytes, name));
  to.endMessage(message);
}

/** As `putFlowLookup`, for an expectation. */
export function putExpectationLookup(
  to: NetlinkWriter,
  kind: typeof CtnetlinkMessage.DELETE | typeof CtnetlinkMessage.GET,
  sequence: number,
  bytes: Uint8Array,
  start: number,
  end: number,
): void {
  index.take(bytes, start, end);
  const flags = NLM_F_REQUEST | NLM_F_ACK;
  const message = to.message(Subsystem.EXPECTATION, kind, flags, sequence, family(ExpAttr.EXPECT_IPV6));
  putExpectationTuple(to, CtaExpect.TUPLE, bytes, ExpAttr.EXPECT_IPV4);
  to.endMessage(message);
}

/** Appends a request that removes all expectations. */
export function putFlushExpectations(to: NetlinkWriter, sequence: number): void {
  const flags = NLM_F_REQUEST | NLM_F_ACK;
  to.endMessage(to.message(Subsystem.EXPECTATION, CtnetlinkMessage.DELETE, flags, sequence, 0));
}

/** Appends a request for all flows, of every address family and zone. */
export function putDumpFlows(to: NetlinkWriter, sequence: number): void {
  to.endMessage(beginDump(to, Subsystem.FLOW, sequence));
}

/** The same for those that no packet has answered. A kernel that does not know the mask dumps all. */
export function putDumpUnansweredFlows(to: NetlinkWriter, sequence: number): void {
  const message = beginDump(to, Subsystem.FLOW, sequence);
  to.u32(Cta.STATUS, 0);
  to.u32(Cta.STATUS_MASK, Status.SEEN_REPLY);
  to.endMessage(message);
}

/** Appends a request for all expectations, of every address family and zone. */
export function putDumpExpectations(to: NetlinkWriter, sequence: number): void {
  to.endMessage(beginDump(to, Subsystem.EXPECTATION, sequence));
}

function beginDump(to: NetlinkWriter, subsystem: 1 | 2, sequence: number): number {
  return to.message(subsystem, CtnetlinkMessage.GET, NLM_F_REQUEST | NLM_F_DUMP, sequence, 0);
}

/** Appends a request for the table's statistics: answered wherever conntrack speaks netlink. */
export function putGetStatistics(to: NetlinkWriter, sequence: number): void {
  to.endMessage(
    to.message(Subsystem.FLOW, CtnetlinkMessage.GET_STATS, NLM_F_REQUEST | NLM_F_ACK, sequence, 0),
  );
}
