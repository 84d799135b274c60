import { readU16, readU32, writeU32 } from '../../bytes/integers.ts';
import { Attr, TLV_HEADER } from '../../wire/attribute.ts';
import { findAttribute } from '../../wire/record.ts';

/** By the kernel's number of a TCP state (`enum tcp_conntrack`): how far the connection has come. SYN_SENT2 (9) follows SYN_SENT. */
const TCP_ORDER: readonly number[] = [0, 1, 3, 4, 5, 6, 7, 8, 9, 2];
const TCP_ESTABLISHED = 4;
const TCP_TIME_WAIT = 8;

/** The same of SCTP (`enum sctp_conntrack`): CLOSED (1) is its end as well as its beginning, HEARTBEAT_SENT (8) a beginning. */
const SCTP_ORDER: readonly number[] = [0, 9, 2, 3, 4, 5, 6, 7, 1];

/** How far the flow `bytes[start, end)` has come in its protocol's states: a greater number is later. 0 where it has none. */
export function progressOf(bytes: Uint8Array, start: number, end: number): number {
  const tcp = findAttribute(bytes, start, end, Attr.TCP_STATE);
  if (tcp >= 0) return TCP_ORDER[bytes[tcp + TLV_HEADER]!] ?? 0;
  const sctp = findAttribute(bytes, start, end, Attr.SCTP_STATE);
  if (sctp >= 0) return SCTP_ORDER[bytes[sctp + TLV_HEADER]!] ?? 0;
  const dccp = findAttribute(bytes, start, end, Attr.DCCP_STATE);
  return dccp < 0 ? 0 : bytes[dccp + TLV_HEADER]!;
}

/**
 * Whether a NEW of a peer is another connection than the one that is known, which had the same tuple. Out of TIME_WAIT and CLOSE the
 * kernel makes a new flow for a SYN (`tcp_conntracks` in nf_conntrack_proto_tcp.c); while the old one closes, it begins again by the
 * SYN/ACK of a SYN that it had ignored.
 */
export function isAnother(
  known: Uint8Array,
  start: number,
  end: number,
  fresh: Uint8Array,
  freshStart: number,
  freshEnd: number,
): boolean {
  if (findAttribute(known, start, end, Attr.TCP_STATE) < 0) return false;
  const old = progressOf(known, start, end);
  const now = progressOf(fresh, freshStart, freshEnd);
  if (old >= TCP_TIME_WAIT) return now < TCP_TIME_WAIT;
  return old > TCP_ESTABLISHED && now < TCP_ESTABLISHED;
}

const STATES: readonly number[] = [Attr.TCP_STATE, Attr.SCTP_STATE, Attr.DCCP_STATE];

/** Puts the state of the flow `from[start, end)` into the record `to[0, size)` of the same flow. */
export function copyState(from: Uint8Array, start: number, end: number, to: Uint8Array, size: number): void {
  for (const state of STATES) {
    const source = findAttribute(from, start, end, state);
    const target = findAttribute(to, 0, size, state);
    if (source >= 0 && target >= 0) to[target + TLV_HEADER] = from[source + TLV_HEADER]!;
  }
}

/** The value of an attribute of 32 bits; 0 where the record lacks it. */
export function numberOf(bytes: Uint8Array, start: number, end: number, attribute: number): number {
  const at = findAttribute(bytes, start, end, attribute);
  return at < 0 ? 0 : readU32(bytes, at + TLV_HEADER);
}

/** Sets an attribute of 32 bits, if the record has it. */
export function setValue(bytes: Uint8Array, size: number, attribute: number, value: number): void {
  const at = findAttribute(bytes, 0, size, attribute);
  if (at >= 0) writeU32(bytes, at + TLV_HEADER, value);
}

/** What two nodes may set differently on the same flow, and that has no order. */
export const MARK: readonly number[] = [Attr.MARK];

/** Compares these attributes of two records of a flow, where both have one: negative, 0 or positive. */
export function compareAttributes(
  attributes: readonly number[],
  one: Uint8Array,
  start: number,
  end: number,
  other: Uint8Array,
  otherStart: number,
  otherEnd: number,
): number {
  for (const attribute of attributes) {
    const a = findAttribute(one, start, end, attribute);
    const b = findAttribute(other, otherStart, otherEnd, attribute);
    if (a < 0 || b < 0) continue;
    const length = readU16(one, a);
    for (let n = TLV_HEADER; n < length; n++) {
      const difference = one[a + n]! - other[b + n]!;
      if (difference !== 0) return difference;
    }
  }
  return 0;
}
