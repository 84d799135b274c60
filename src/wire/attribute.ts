import { LITTLE_ENDIAN, networkWord } from '../bytes/endian.ts';

/**
 * The numbers of the attributes of CT messages, and how an attribute lies on the wire. What each of them is, is in
 * `flow-attributes.ts`.
 *
 * On the wire an attribute is a TLV: length (u16, the 4 bytes of this TLV header included, padding excluded), type
 * (u16), value, zero padding to a multiple of 4 bytes. All integers are in network byte order, but for SPAT_PORT,
 * DPAT_PORT and ICMP_ID: the C node swaps what is in network order already, so on a little-endian machine they travel
 * with their low byte first (and C nodes of different byte order do not understand each other's).
 * Source: conntrack-tools 1.4.7 on the wire; `include/network.h` of 1.4.9 for the numbers.
 */
export const Attr = {
  IPV4: 0,
  IPV6: 1,
  L4PROTO: 2,
  PORT: 3,
  TCP_STATE: 4,
  STATUS: 5,
  TIMEOUT: 6,
  MARK: 7,
  MASTER_IPV4: 8,
  MASTER_IPV6: 9,
  MASTER_L4PROTO: 10,
  MASTER_PORT: 11,
  SNAT_IPV4: 12,
  DNAT_IPV4: 13,
  SPAT_PORT: 14,
  DPAT_PORT: 15,
  NAT_SEQ_ADJ: 16,
  SCTP_STATE: 17,
  SCTP_VTAG_ORIG: 18,
  SCTP_VTAG_REPL: 19,
  DCCP_STATE: 20,
  DCCP_ROLE: 21,
  ICMP_TYPE: 22,
  ICMP_CODE: 23,
  ICMP_ID: 24,
  TCP_WSCALE_ORIG: 25,
  TCP_WSCALE_REPL: 26,
  HELPER_NAME: 27,
  LABELS: 28,
  SNAT_IPV6: 29,
  DNAT_IPV6: 30,
  SYNPROXY: 31,
  ZONE: 32,
  /**
   * Not on the wire: ports of a protocol whose ports the C node does not send (GRE keys, UDP-Lite), kept behind the
   * wire attributes of a record of our own kernel so that two such flows stay two.
   */
  LOCAL_PORT: 33,
  /** Not on the wire either: our kernel's number of the flow (u32), which a dump as XML shows. */
  LOCAL_ID: 34,
} as const;

export type Attr = (typeof Attr)[keyof typeof Attr];

/** Size of a TLV header in bytes. */
export const TLV_HEADER = 4;

/** The whole TLV of a helper name, terminating NUL included, is at most this many bytes (NFCT_HELPER_NAME_MAX). */
export const HELPER_TLV_MAX = 16;

/** A helper's name is at most this many bytes, its NUL not counted. */
export const HELPER_NAME_MAX = HELPER_TLV_MAX - TLV_HEADER - 1;

/** A label bit mask on the wire is at most this many bytes. */
export const LABELS_VALUE_MAX = 1024;

/**
 * Upper bound of a record in bytes: every attribute once, at its greatest size, is 1,452; a record with more would
 * have to repeat an attribute, which no record does.
 */
export const RECORD_MAX = 1536;

/** The header of a TLV with a value of `size` bytes as one word of this machine. */
export function tlvHeader(type: number, size: number): number {
  return networkWord(((TLV_HEADER + size) << 16) | type);
}

/** The type in such a word. */
export function tlvType(header: number): number {
  return LITTLE_ENDIAN ? ((header >>> 8) & 0xff00) | (header >>> 24) : header & 0xffff;
}

/** Words of the whole TLV, padding included, by such a word. */
export function tlvWords(header: number): number {
  const length = LITTLE_ENDIAN ? ((header & 0xff) << 8) | ((header >>> 8) & 0xff) : header >>> 16;
  return (length + 3) >> 2;
}

/** Bytes that a TLV with a value of `size` bytes takes on the wire, padding included. */
export function tlvSize(size: number): number {
  return (TLV_HEADER + size + 3) & ~3;
}

/** Which bits of the last word of a TLV with a value of `size` bytes are padding. */
export function paddingOf(size: number): number {
  return size % 4 === 0 ? 0 : networkWord(0xffff_ffff >>> (8 * (size % 4)));
}
