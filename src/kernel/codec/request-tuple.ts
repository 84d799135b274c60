/** Shared by requests about flows and about expectations: the index of the source record, and its tuples. */

import { readU16 } from '../../bytes/integers.ts';
import { isIcmp, Protocol } from '../../flow/protocol.ts';
import type { NetlinkWriter } from '../../system/netlink.ts';
import { LABELS_VALUE_MAX, TLV_HEADER } from '../../wire/attribute.ts';
import { CtaIp, CtaProto, CtaTuple, NFPROTO_IPV4, NFPROTO_IPV6 } from './ctnetlink-numbers.ts';
import { RecordIndex } from './record-index.ts';

/** Upper bound of a request, in bytes. */
export const REQUEST_MAX = 1024 + LABELS_VALUE_MAX;

/** Whether ctnetlink has ports in the tuples of this protocol. */
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

/** The attributes of the current request's source record. The caller indexes it first. */
export const index = new RecordIndex();
export const { valueAt } = index;

/** Size of the value at `at` in bytes. */
export function valueSize(bytes: Uint8Array, at: number): number {
  return readU16(bytes, at - TLV_HEADER) - TLV_HEADER;
}

/** The byte at `at`; 0 if `at` is 0, which means that the attribute is missing. */
export function u8At(bytes: Uint8Array, at: number): number {
  return at === 0 ? 0 : bytes[at]!;
}

/** Like {@link u8At}, for 16 bits in network byte order. */
export function u16At(bytes: Uint8Array, at: number): number {
  return at === 0 ? 0 : readU16(bytes, at);
}

/** Address family of the indexed record; `v6` is the type of its IPv6 attribute. */
export function family(v6: number): number {
  return valueAt[v6] === 0 ? NFPROTO_IPV4 : NFPROTO_IPV6;
}

/** Writes CTA_TUPLE_IP from a value that holds source and destination; `inverse` swaps them. */
export function putAddresses(
  to: NetlinkWriter,
  bytes: Uint8Array,
  v4: number,
  v6: number,
  inverse: boolean,
): void {
  const ip = to.nest(CtaTuple.IP);
  const size = v6 === 0 ? 4 : 16;
  const first = v6 === 0 ? v4 : v6;
  const source = inverse ? first + size : first;
  const destination = inverse ? first : first + size;
  to.copy(v6 === 0 ? CtaIp.V4_SRC : CtaIp.V6_SRC, bytes, source, size);
  to.copy(v6 === 0 ? CtaIp.V4_DST : CtaIp.V6_DST, bytes, destination, size);
  to.endNest(ip);
}

/**
 * Writes CTA_TUPLE_ORIG, CTA_TUPLE_MASTER or an expectation's tuple from record attributes; `ports` may be
 * missing.
 */
export function putTuple(
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

/** Writes the ICMP or ICMPv6 part of CTA_TUPLE_PROTO, in the C program's order. */
export function putIcmp(to: NetlinkWriter, protocol: number, type: number, code: number, id: number): void {
  const six = protocol === Protocol.ICMPV6;
  to.u8(six ? CtaProto.ICMPV6_CODE : CtaProto.ICMP_CODE, code);
  to.u8(six ? CtaProto.ICMPV6_TYPE : CtaProto.ICMP_TYPE, type);
  to.u16(six ? CtaProto.ICMPV6_ID : CtaProto.ICMP_ID, id);
}
