/** From a captured frame to the payload of UDP or TCP. */

import { readU16, readU32 } from '../../bytes/integers.ts';
import { type Family, formatAddress } from '../../flow/address.ts';
import {
  ETHERTYPE_IPV4,
  ETHERTYPE_IPV6,
  ETHERTYPES_VLAN,
  IPPROTO_TCP,
  IPPROTO_UDP,
  IPV4_FRAGMENT_BITS,
  IPV6_AUTHENTICATION,
  IPV6_DESTINATION,
  IPV6_FRAGMENT,
  IPV6_HOP_BY_HOP,
  IPV6_MOBILITY,
  IPV6_ROUTING,
} from './protocol-numbers.ts';

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What a frame carries that matters here. */
export type Packet =
  | {
      readonly kind: 'udp';
      readonly source: Endpoint;
      readonly destination: Endpoint;
      readonly payload: Uint8Array;
      /** Bytes of the payload that the capture left out. */
      readonly cut: number;
    }
  | {
      readonly kind: 'tcp';
      readonly source: Endpoint;
      readonly destination: Endpoint;
      readonly sequence: number;
      readonly syn: boolean;
      /** FIN or RST: nothing follows. */
      readonly ends: boolean;
      readonly payload: Uint8Array;
      readonly cut: number;
    }
  /** A part of a packet that was fragmented. */
  | { readonly kind: 'fragment' }
  /** Not IP, not UDP or TCP, or too short to see that. */
  | { readonly kind: 'other' }
  /** The headers of this kind of link are not known. */
  | { readonly kind: 'unknown-link'; readonly linkType: number };

/** LINKTYPE_* numbers, https://www.tcpdump.org/linktypes.html; 12 and 14 are raw IP of older systems. */
const LinkType = {
  NULL: 0,
  ETHERNET: 1,
  RAW_BSD: 12,
  RAW_OPENBSD: 14,
  RAW: 101,
  LOOP: 108,
  LINUX_SLL: 113,
  IPV4: 228,
  IPV6: 229,
  LINUX_SLL2: 276,
} as const;

const VLAN_TAG = 4;

const TCP_FIN = 0x01;
const TCP_SYN = 0x02;
const TCP_RST = 0x04;

const OTHER: Packet = { kind: 'other' };
const FRAGMENT: Packet = { kind: 'fragment' };

/** Takes a frame apart. Never throws, whatever the bytes are. The payload is a part of `bytes`. */
export function dissect(linkType: number, bytes: Uint8Array): Packet {
  switch (linkType) {
    case LinkType.ETHERNET:
      return underEthertype(bytes, 12);
    case LinkType.LINUX_SLL:
      return underEthertype(bytes, 14);
    case LinkType.LINUX_SLL2:
      return bytes.length < 20 ? OTHER : underEthertype(bytes, 0, 20);
    case LinkType.NULL:
    case LinkType.LOOP:
      // An address family, whose number and byte order are those of the machine that captured: the IP header has its version.
      return underIp(bytes, 4);
    case LinkType.RAW:
    case LinkType.RAW_BSD:
    case LinkType.RAW_OPENBSD:
    case LinkType.IPV4:
    case LinkType.IPV6:
      return underIp(bytes, 0);
    default:
      return { kind: 'unknown-link', linkType };
  }
}

/** Takes apart what a link carries under an EtherType, its own header taken off. Never throws. The payload is a part of `bytes`. */
export function dissectUnder(etherType: number, bytes: Uint8Array, at = 0): Packet {
  let type = etherType;
  let body = at;
  while (ETHERTYPES_VLAN.includes(type) && body + VLAN_TAG <= bytes.length) {
    type = readU16(bytes, body + 2);
    body += VLAN_TAG;
  }
  return type === ETHERTYPE_IPV4 || type === ETHERTYPE_IPV6 ? underIp(bytes, body) : OTHER;
}

/** The EtherType stands at `at`; its payload at `body`, behind it unless given. */
function underEthertype(bytes: Uint8Array, at: number, body: number = at + 2): Packet {
  return body > bytes.length ? OTHER : dissectUnder(readU16(bytes, at), bytes, body);
}

function underIp(bytes: Uint8Array, at: number): Packet {
  if (at >= bytes.length) return OTHER;
  switch (bytes[at]! >>> 4) {
    case 4:
      return underIpv4(bytes, at);
    case 6:
      return underIpv6(bytes, at);
    default:
      return OTHER;
  }
}

function underIpv4(bytes: Uint8Array, at: number): Packet {
  if (bytes.length - at < 20) return OTHER;
  const header = (bytes[at]! & 0x0f) * 4;
  if (header < 20 || header > bytes.length - at) return OTHER;
  const protocol = bytes[at + 9]!;
  if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) return OTHER;
  if ((readU16(bytes, at + 6) & IPV4_FRAGMENT_BITS) !== 0) return FRAGMENT;
  // 0: the network card was to cut it up.
  const total = readU16(bytes, at + 2) || bytes.length - at;
  if (total < header) return OTHER;
  return underTransport(bytes, { family: 4, addresses: at + 12, protocol, at: at + header, end: at + total });
}

function underIpv6(bytes: Uint8Array, at: number): Packet {
  if (bytes.length - at < 40) return OTHER;
  const size = readU16(bytes, at + 4);
  // 0: a jumbogram, or what the network card was to cut up.
  const end = size === 0 ? bytes.length : at + 40 + size;
  let protocol = bytes[at + 6]!;
  let body = at + 40;
  for (;;) {
    if (protocol === IPPROTO_TCP || protocol === IPPROTO_UDP) {
      return underTransport(bytes, { family: 6, addresses: at + 8, protocol, at: body, end });
    }
    if (bytes.length - body < 8) return OTHER;
    const words = bytes[body + 1]!;
    let length: number;
    switch (protocol) {
      case IPV6_HOP_BY_HOP:
      case IPV6_ROUTING:
      case IPV6_DESTINATION:
      case IPV6_MOBILITY:
        length = 8 * (words + 1);
        break;
      case IPV6_AUTHENTICATION:
        length = 4 * (words + 2);
        break;
      case IPV6_FRAGMENT:
        // An atomic fragment (RFC 6946) is a whole packet.
        if ((readU16(bytes, body + 2) & 0xfff9) !== 0) return FRAGMENT;
        length = 8;
        break;
      default:
        return OTHER;
    }
    protocol = bytes[body]!;
    body += length;
  }
}

/** Where in a frame a transport's packet lies, by its IP header. `end` may be beyond what was captured. */
interface Transport {
  readonly family: Family;
  readonly addresses: number;
  readonly protocol: typeof IPPROTO_TCP | typeof IPPROTO_UDP;
  readonly at: number;
  readonly end: number;
}

function underTransport(bytes: Uint8Array, transport: Transport): Packet {
  const { family, addresses, protocol, at } = transport;
  const udp = protocol === IPPROTO_UDP;
  if (bytes.length - at < (udp ? 8 : 20) || transport.end - at < (udp ? 8 : 20)) return OTHER;
  const second = addresses + (family === 4 ? 4 : 16);
  const source = { address: formatAddress(family, bytes, addresses), port: readU16(bytes, at) };
  const destination = { address: formatAddress(family, bytes, second), port: readU16(bytes, at + 2) };
  if (udp) {
    const length = readU16(bytes, at + 4);
    // Behind a datagram the packet, and behind that the frame, may have padding.
    const end = length < 8 ? transport.end : Math.min(transport.end, at + length);
    return { kind: 'udp', source, destination, ...payloadOf(bytes, at + 8, end) };
  }
  const body = at + (bytes[at + 12]! >>> 4) * 4;
  if (body < at + 20 || body > transport.end) return OTHER;
  const flags = bytes[at + 13]!;
  return {
    kind: 'tcp',
    source,
    destination,
    sequence: readU32(bytes, at + 4),
    syn: (flags & TCP_SYN) !== 0,
    ends: (flags & (TCP_FIN | TCP_RST)) !== 0,
    ...payloadOf(bytes, body, transport.end),
  };
}

function payloadOf(bytes: Uint8Array, start: number, end: number): { payload: Uint8Array; cut: number } {
  const from = Math.min(start, bytes.length);
  const to = Math.min(end, bytes.length);
  return { payload: bytes.subarray(from, to), cut: end - start - (to - from) };
}
