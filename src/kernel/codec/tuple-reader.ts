import { ATTRIBUTE_HEADER, align4, headerLength, headerType } from '../../system/netlink.ts';
import { CtaIp, CtaProto, CtaTuple } from './ctnetlink-numbers.ts';
import type { TuplePlaces } from './message-template.ts';

/** Byte offsets of one tuple's values in the message's memory; 0 for a missing value. */
export class TupleOffsets {
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
  /** Zone of this direction alone (CTA_TUPLE_ZONE). A message with one has no template. */
  zone = 0;

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
    this.zone = 0;
  }
}

/** Sets `tuple` to the offsets from a known template; the message starts at word `at`. */
export function placeTuple(places: TuplePlaces, at: number, tuple: TupleOffsets): void {
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

/**
 * Locates the values of the tuple in `[start, end)`; false if an attribute exceeds its nest or a value is
 * too short. Tuples are most of a message, so they have their own reader instead of the offset tables used
 * for the rest.
 */
export function readTuple(words: Int32Array, start: number, end: number, tuple: TupleOffsets): boolean {
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
    } else if (type === CtaTuple.ZONE) {
      if (length < ATTRIBUTE_HEADER + 2) return false;
      tuple.zone = at + ATTRIBUTE_HEADER;
    }
    at += align4(length);
  }
  return true;
}

function readAddresses(words: Int32Array, start: number, end: number, tuple: TupleOffsets): boolean {
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

function readLayer4(words: Int32Array, start: number, end: number, tuple: TupleOffsets): boolean {
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

/** True if the `size` bytes at offsets `one` and `other` are equal. */
export function sameBytes(words: Int32Array, one: number, other: number, size: number): boolean {
  for (let n = 0; n < size; n += 4) if (words[(one + n) >> 2] !== words[(other + n) >> 2]) return false;
  return true;
}

/** The byte at `at`; 0 if the value is missing. */
export function byteAt(bytes: Uint8Array, at: number): number {
  return at === 0 ? 0 : bytes[at]!;
}

/**
 * The 16 bits that libnetfilter_conntrack keeps as a tuple's layer 4 source: a port or an ICMP id. In its
 * union, ICMP type and code share the place of the destination port, and its test for translated ports
 * compares the two without checking the protocol. So an ICMP flow in a kernel with NAT nearly always counts
 * as port-translated, to port 0.
 */
export function layer4Source(bytes: Uint8Array, tuple: TupleOffsets): number {
  const at = tuple.icmpId || tuple.sourcePort;
  return at === 0 ? 0 : (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Like {@link layer4Source}, for the destination: a port, or ICMP type and code. */
export function layer4Destination(bytes: Uint8Array, tuple: TupleOffsets): number {
  if (tuple.icmpType !== 0 || tuple.icmpCode !== 0) {
    return (byteAt(bytes, tuple.icmpType) << 8) | byteAt(bytes, tuple.icmpCode);
  }
  const at = tuple.destinationPort;
  return at === 0 ? 0 : (bytes[at]! << 8) | bytes[at + 1]!;
}

/** The 16 bits at `at` in network byte order; 0 if the value is missing. */
export function portAt(bytes: Uint8Array, at: number): number {
  return at === 0 ? 0 : (bytes[at]! << 8) | bytes[at + 1]!;
}
