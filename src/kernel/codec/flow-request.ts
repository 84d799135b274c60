/**
 * Converts canonical records of flows to the ctnetlink requests that commit and injection send.
 *
 * A create carries what the C node's carries: the reply tuple is the inverse of the original, and
 * CTA_NAT_SRC and CTA_NAT_DST request the translation, from which the kernel computes the real reply tuple.
 * There is one difference: this program also sends translated ports for SCTP and DCCP.
 * libnetfilter_conntrack leaves them out, and the kernel then picks a port itself.
 */

import { readNativeU16, writeNativeU16, writeNativeU32 } from '../../bytes/endian.ts';
import { readU16, readU32 } from '../../bytes/integers.ts';
import { isIcmp, Protocol } from '../../flow/protocol.ts';
import { icmpReplyType } from '../../flow/reply.ts';
import { NAT_MASK, Status } from '../../flow/status.ts';
import {
  ATTRIBUTE_HEADER,
  type NetlinkWriter,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
} from '../../system/netlink.ts';
import { Attr } from '../../wire/attribute.ts';
import {
  Cta,
  CtaDccp,
  CtaHelp,
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
  Subsystem,
} from './ctnetlink-numbers.ts';
import {
  family,
  index,
  putAddresses,
  putIcmp,
  putTuple,
  tupleHasPorts,
  u8At,
  u16At,
  valueSize,
} from './request-tuple.ts';

// A module-level constant: the compiler embeds it in machine code, which it does not do with an import.
const { valueAt } = index;

/** IP_CT_TCP_FLAG_BE_LIBERAL: the kernel does not mark packets outside the TCP window as invalid. */
const TCP_BE_LIBERAL = 0x08;

/** Status bits that the C node leaves out of a create. */
export const CREATE_STATUS_OUT = Status.EXPECTED;
/**
 * Status bits that the C node leaves out of an update (IPS_NAT_MASK). The kernel keeps its own bits for
 * completed translation.
 */
export const UPDATE_STATUS_OUT = NAT_MASK & (Status.SRC_NAT | Status.DST_NAT);

/** Whether requests carry the translated ports of this protocol. */
function translatesPorts(protocol: number): boolean {
  return (
    protocol === Protocol.TCP ||
    protocol === Protocol.UDP ||
    protocol === Protocol.SCTP ||
    protocol === Protocol.DCCP
  );
}

/** Writes the flow's original tuple, or its inverse as the reply tuple. */
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
      // struct nf_ct_tcp_flags: the flags, then the mask of the flags to set.
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

/**
 * Writes CTA_NAT_SRC or CTA_NAT_DST with the translated address and port of one end; 0 for either means not
 * translated.
 */
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
      // Records hold translated ports and ICMP ids in the machine's byte order (see `wire/attribute.ts`).
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

/** Writes the label bit mask as the kernel expects it: 32-bit words in this machine's byte order. */
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

/**
 * Writes the attributes that follow the tuples in both creates and updates. A `timeout` of 0 stands for the
 * record's own.
 */
function putState(
  to: NetlinkWriter,
  bytes: Uint8Array,
  statusOut: number,
  timeout: number,
  liberal: boolean,
): void {
  const status = valueAt[Attr.STATUS]!;
  // libnetfilter_conntrack sets CONFIRMED too; the kernel rejects a status that clears it with EBUSY.
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

/** Appends a request that updates the flow `bytes[start, end)`; see `Batch.update`. */
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

/**
 * Appends a request (`CtnetlinkMessage.DELETE` or `.GET`) for the flow with this record's original tuple and
 * zone.
 */
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
