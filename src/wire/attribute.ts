import { LITTLE_ENDIAN, networkWord } from '../bytes/endian.ts';

/**
 * Attribute numbers of CT messages, and the wire layout of an attribute. `flow-attributes.ts` defines what each
 * attribute is.
 *
 * On the wire an attribute is a TLV: length (u16, including this 4-byte TLV header, excluding padding), type
 * (u16), value, zero padding to a multiple of 4 bytes. All integers are in network byte order, except
 * SPAT_PORT, DPAT_PORT and ICMP_ID: the C node byte-swaps a value that is already in network order, so a
 * little-endian machine sends their low byte first (and C nodes of different byte order do not understand
 * each other's). Source: conntrack-tools 1.4.7 on the wire; `include/network.h` of 1.4.9 for the numbers.
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
   * Not on the wire: ports of a protocol whose ports the C node does not send (GRE keys, UDP-Lite). They
   * follow the wire attributes in a record of this node's own kernel, so that two such flows stay distinct.
   */
  LOCAL_PORT: 33,
  /** Not on the wire either: this node's kernel id of the flow (u32), which an XML dump shows. */
  LOCAL_ID: 34,
} as const;

export type Attr = (typeof Attr)[keyof typeof Attr];

/** Size of a TLV header in bytes. */
export const TLV_HEADER = 4;

/**
 * Maximum size in bytes of the whole TLV of a helper name, terminating NUL included (NFCT_HELPER_NAME_MAX).
 */
export const HELPER_TLV_MAX = 16;

/** Maximum length of a helper name in bytes, without its NUL. */
export const HELPER_NAME_MAX = HELPER_TLV_MAX - TLV_HEADER - 1;

/** Maximum size of a label bit mask on the wire, in bytes. */
export const LABELS_VALUE_MAX = 1024;

/**
 * Upper bound of a record in bytes: every attribute once, at its maximum size, is 1,452. A larger record
 * would have to repeat an attribute, which no canonical record does.
 */
export const RECORD_MAX = 1536;

/** The header of a TLV with a value of `size` bytes, as one word of this machine. */
export function tlvHeader(type: number, size: number): number {
  return networkWord(((TLV_HEADER + size) << 16) | type);
}

/** The type in such a header word. */
export function tlvType(header: number): number {
  return LITTLE_ENDIAN ? ((header >>> 8) & 0xff00) | (header >>> 24) : header & 0xffff;
}

/** Number of words in the whole TLV, padding included, from such a header word. */
export function tlvWords(header: number): number {
  const length = LITTLE_ENDIAN ? ((header & 0xff) << 8) | ((header >>> 8) & 0xff) : header >>> 16;
  return (length + 3) >> 2;
}

/** Size in bytes of a TLV with a value of `size` bytes, padding included. */
export function tlvSize(size: number): number {
  return (TLV_HEADER + size + 3) & ~3;
}

/** Mask of the padding bits in the last word of a TLV with a value of `size` bytes. */
export function paddingOf(size: number): number {
  return size % 4 === 0 ? 0 : networkWord(0xffff_ffff >>> (8 * (size % 4)));
}
