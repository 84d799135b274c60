/** IP packets with TCP or UDP: where their parts lie, and with another payload. */

import { readU16, readU32, writeU16 } from '../../bytes/integers.ts';
import { Protocol } from '../../flow/protocol.ts';
import type { PayloadRewrite } from '../../helper/protocol.ts';

const IPV4_HEADER_MIN = 20;
const IPV6_HEADER = 40;
const TCP_HEADER_MIN = 20;
const UDP_HEADER = 8;
/** The total length of an IPv4 packet is a u16, and so is an attribute's, with its header of 4 bytes. */
const PACKET_MAX = 0xffff - 4;
/** IPv6 extension headers in front of the transport header at most: RFC 8200 4.1 has five kinds, one of them twice. */
const EXTENSIONS_MAX = 6;
/** Hop-by-hop options, routing, destination options: RFC 8200 4.3, 4.4, 4.6. */
const EXTENSIONS: ReadonlySet<number> = new Set([0, 43, 60]);

/** Where the parts of a packet lie, as offsets in it. */
export interface PacketLayout {
  readonly version: 4 | 6;
  readonly protocol: typeof Protocol.TCP | typeof Protocol.UDP;
  readonly transportAt: number;
  readonly payloadAt: number;
  /** Behind the payload: bytes further on are padding. */
  readonly end: number;
}

/** TCP's numbers and flags that matter to a helper. */
export interface TcpFields {
  /** Sequence number of the payload's first byte (u32). */
  readonly sequence: number;
  readonly acknowledgement: number;
  /** The byte with FIN (1), SYN (2), RST (4), PSH (8), ACK (16). */
  readonly flags: number;
}

/**
 * Finds the parts of the packet; undefined where its headers contradict each other, or it is not TCP or UDP. Fragments
 * do not come here: connection tracking puts packets together first.
 */
export function packetLayout(packet: Uint8Array): PacketLayout | undefined {
  const version = packet.length === 0 ? 0 : packet[0]! >>> 4;
  if (version === 4) return ipv4Layout(packet);
  return version === 6 ? ipv6Layout(packet) : undefined;
}

function ipv4Layout(packet: Uint8Array): PacketLayout | undefined {
  if (packet.length < IPV4_HEADER_MIN) return undefined;
  const header = (packet[0]! & 15) * 4;
  const end = readU16(packet, 2);
  if (header < IPV4_HEADER_MIN || end < header || end > packet.length) return undefined;
  return transportLayout(packet, 4, packet[9]!, header, end);
}

function ipv6Layout(packet: Uint8Array): PacketLayout | undefined {
  if (packet.length < IPV6_HEADER) return undefined;
  const end = IPV6_HEADER + readU16(packet, 4);
  if (end > packet.length) return undefined;
  let next = packet[6]!;
  let at = IPV6_HEADER;
  for (let n = 0; n < EXTENSIONS_MAX && EXTENSIONS.has(next); n++) {
    if (end - at < 8) return undefined;
    next = packet[at]!;
    at += 8 + packet[at + 1]! * 8;
    if (at > end) return undefined;
  }
  return transportLayout(packet, 6, next, at, end);
}

function transportLayout(
  packet: Uint8Array,
  version: 4 | 6,
  protocol: number,
  transportAt: number,
  end: number,
): PacketLayout | undefined {
  if (protocol === Protocol.UDP) {
    if (end - transportAt < UDP_HEADER) return undefined;
    const length = readU16(packet, transportAt + 4);
    if (length < UDP_HEADER || length > end - transportAt) return undefined;
    return { version, protocol, transportAt, payloadAt: transportAt + UDP_HEADER, end: transportAt + length };
  }
  if (protocol !== Protocol.TCP || end - transportAt < TCP_HEADER_MIN) return undefined;
  const header = (packet[transportAt + 12]! >>> 4) * 4;
  if (header < TCP_HEADER_MIN || header > end - transportAt) return undefined;
  return { version, protocol, transportAt, payloadAt: transportAt + header, end };
}

/** The fields of a TCP packet. */
export function tcpFields(packet: Uint8Array, { transportAt }: PacketLayout): TcpFields {
  return {
    sequence: readU32(packet, transportAt + 4),
    acknowledgement: readU32(packet, transportAt + 8),
    flags: packet[transportAt + 13]!,
  };
}

/**
 * The packet with parts of its payload replaced, and its lengths and checksums made right. The rewrites lie in the
 * payload one behind the other. Undefined where it becomes too long for a packet.
 * @throws RangeError for a rewrite outside the payload, or before the end of the one in front of it
 */
export function rewritePacket(
  packet: Uint8Array,
  layout: PacketLayout,
  rewrites: readonly PayloadRewrite[],
): Uint8Array | undefined {
  const { payloadAt, end } = layout;
  const parts: Uint8Array[] = [packet.subarray(0, payloadAt)];
  let taken = payloadAt;
  for (const { offset, length, replacement } of rewrites) {
    const from = payloadAt + offset;
    if (offset < 0 || length < 0 || from < taken || from + length > end) {
      throw new RangeError(`${length} bytes at ${offset} are not in a payload of ${end - payloadAt} bytes`);
    }
    parts.push(packet.subarray(taken, from), replacement);
    taken = from + length;
  }
  parts.push(packet.subarray(taken, end));
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  if (size > PACKET_MAX) return undefined;
  const made = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    made.set(part, at);
    at += part.length;
  }
  writeLengths(made, layout);
  writeChecksums(made, layout, readU16(packet, layout.transportAt + 6));
  return made;
}

function writeLengths(packet: Uint8Array, { version, protocol, transportAt }: PacketLayout): void {
  if (version === 4) writeU16(packet, 2, packet.length);
  else writeU16(packet, 4, packet.length - IPV6_HEADER);
  if (protocol === Protocol.UDP) writeU16(packet, transportAt + 4, packet.length - transportAt);
}

/** @param udpChecksum the one the packet had: 0 stands for none, RFC 768 */
function writeChecksums(packet: Uint8Array, layout: PacketLayout, udpChecksum: number): void {
  const { version, protocol, transportAt } = layout;
  if (version === 4) {
    const header = (packet[0]! & 15) * 4;
    writeU16(packet, 10, 0);
    writeU16(packet, 10, foldedComplement(sumWords(packet, 0, header)));
  }
  const isUdp = protocol === Protocol.UDP;
  if (isUdp && version === 4 && udpChecksum === 0) return;
  const at = transportAt + (isUdp ? 6 : 16);
  writeU16(packet, at, 0);
  // The pseudo-header: both addresses, the length and the protocol (RFC 9293 3.1, RFC 8200 8.1).
  const addresses = version === 4 ? sumWords(packet, 12, 20) : sumWords(packet, 8, 40);
  const length = packet.length - transportAt;
  const checksum = foldedComplement(
    addresses + protocol + length + sumWords(packet, transportAt, packet.length),
  );
  // RFC 768: a checksum of 0 is sent as all ones.
  writeU16(packet, at, isUdp && checksum === 0 ? 0xffff : checksum);
}

/** The sum of the 16-bit words in `[start, end)`; an odd last byte is the high one of a word. Below 2^32: 64 KiB at most. */
function sumWords(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  let at = start;
  for (; at + 1 < end; at += 2) sum += readU16(bytes, at);
  return at < end ? sum + (bytes[at]! << 8) : sum;
}

/** RFC 1071. */
function foldedComplement(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}
