/**
 * Keys that identify tuples in the table: words that can be hashed and compared without a string or an
 * object.
 */

import { readNativeU16, writeNativeU16 } from '../../bytes/endian.ts';
import { readI32, readU16, writeU16, writeU32 } from '../../bytes/integers.ts';
import { type Family, formatAddress } from '../../flow/address.ts';
import { parseAddress } from '../../flow/parse-address.ts';
import { isIcmp } from '../../flow/protocol.ts';
import { icmpReplyType, NO_ICMP_REPLY } from '../../flow/reply.ts';
import type { Tuple } from '../../flow/tuple.ts';
import { Attr } from '../../wire/attribute.ts';
import { tupleHasPorts } from '../codec/request-tuple.ts';
import type { Attributes } from './attributes.ts';

/** Positions of a key's words. An IPv4 address is the first of its four words, the others are 0. */
export const Word = {
  SOURCE: 0,
  DESTINATION: 4,
  /** 0x600 for IPv6 or 0 for IPv4, plus the protocol. */
  KIND: 8,
  /**
   * Source and destination port, 16 bits each; for ICMP type, code (8 bits each) and id; 0 for other
   * protocols.
   */
  PORTS: 9,
  ZONE: 10,
} as const;

export const KEY_WORDS = 11;
const IPV6 = 0x600;

export function protocolOf(key: Int32Array, at = 0): number {
  return key[at + Word.KIND]! & 0xff;
}

export function isIPv6(key: Int32Array, at = 0): boolean {
  return key[at + Word.KIND]! >= IPV6;
}

/** Sets `key` from the original tuple and the zone of a record. */
export function originalKey(record: Attributes, key: Int32Array): void {
  const { bytes } = record;
  const v6 = record.at(Attr.IPV6);
  const protocol = record.u8(Attr.L4PROTO);
  for (let n = 0; n < KEY_WORDS; n++) key[n] = 0;
  if (v6 !== 0) {
    for (let n = 0; n < 8; n++) key[n] = readI32(bytes, v6 + 4 * n);
    key[Word.KIND] = IPV6 | protocol;
  } else {
    const v4 = record.at(Attr.IPV4);
    key[Word.SOURCE] = readI32(bytes, v4);
    key[Word.DESTINATION] = readI32(bytes, v4 + 4);
    key[Word.KIND] = protocol;
  }
  if (tupleHasPorts(protocol)) {
    key[Word.PORTS] = record.i32(record.has(Attr.PORT) ? Attr.PORT : Attr.LOCAL_PORT);
  } else if (isIcmp(protocol)) {
    key[Word.PORTS] =
      (record.u8(Attr.ICMP_TYPE) << 24) | (record.u8(Attr.ICMP_CODE) << 16) | record.u16(Attr.ICMP_ID);
  }
  key[Word.ZONE] = record.u16(Attr.ZONE);
}

/** Sets `key` from the tuple of the master that a record names. */
export function masterKey(record: Attributes, zone: number, key: Int32Array): void {
  const { bytes } = record;
  const v6 = record.has(Attr.MASTER_IPV6);
  const at = record.at(v6 ? Attr.MASTER_IPV6 : Attr.MASTER_IPV4);
  const words = v6 ? 4 : 1;
  const protocol = record.u8(Attr.MASTER_L4PROTO);
  key.fill(0);
  for (let n = 0; n < words; n++) {
    key[Word.SOURCE + n] = readI32(bytes, at + 4 * n);
    key[Word.DESTINATION + n] = readI32(bytes, at + 4 * (words + n));
  }
  key[Word.KIND] = (v6 ? IPV6 : 0) | protocol;
  if (tupleHasPorts(protocol)) key[Word.PORTS] = record.i32(Attr.MASTER_PORT);
  key[Word.ZONE] = zone;
}

function putAddress(text: string, key: Int32Array, at: number): void {
  const bytes = parseAddress(text);
  for (let n = 0; n < bytes.length; n += 4) key[at + (n >> 2)] = readI32(bytes, n);
}

/** Sets `key` from a `Tuple` object. Missing fields are 0. */
export function keyOfTuple(tuple: Tuple, zone: number, key: Int32Array): void {
  const { family, source, destination, protocol, ports, icmp } = tuple;
  key.fill(0);
  putAddress(source, key, Word.SOURCE);
  putAddress(destination, key, Word.DESTINATION);
  key[Word.KIND] = (family === 6 ? IPV6 : 0) | protocol;
  if (tupleHasPorts(protocol)) {
    key[Word.PORTS] = ((ports?.source ?? 0) << 16) | (ports?.destination ?? 0);
  } else if (isIcmp(protocol)) {
    const { type = 0, code = 0, id = 0 } = icmp ?? {};
    key[Word.PORTS] = (type << 24) | (code << 16) | swappedU16(id);
  }
  key[Word.ZONE] = zone;
}

/**
 * Sets `to` to the bits of a tuple's source address and source port to compare; all of them without a mask.
 */
export function sourceMask(mask: Tuple | undefined, to: Int32Array): void {
  to.fill(0);
  if (mask === undefined) to.fill(-1, 0, 4);
  else putAddress(mask.source, to, Word.SOURCE);
  to[Word.PORTS] = (mask === undefined ? 0xffff : (mask.ports?.source ?? 0)) << 16;
}

/** Sets `to` to the tuple of reply packets without translation. False for an ICMP type that has no reply. */
export function inverseKey(key: Int32Array, to: Int32Array): boolean {
  for (let n = 0; n < 4; n++) {
    to[Word.SOURCE + n] = key[Word.DESTINATION + n]!;
    to[Word.DESTINATION + n] = key[Word.SOURCE + n]!;
  }
  const protocol = protocolOf(key);
  const ports = key[Word.PORTS]!;
  to[Word.KIND] = key[Word.KIND]!;
  to[Word.ZONE] = key[Word.ZONE]!;
  if (!isIcmp(protocol)) {
    to[Word.PORTS] = (ports << 16) | (ports >>> 16);
    return true;
  }
  const type = icmpReplyType(protocol, ports >>> 24);
  to[Word.PORTS] = (type << 24) | (ports & 0xff_ffff);
  return type !== NO_ICMP_REPLY;
}

/** True if a packet of a flow may have this tuple: the kernel rejects requests about others. */
export function isAnswerable(key: Int32Array): boolean {
  const protocol = protocolOf(key);
  return !isIcmp(protocol) || icmpReplyType(protocol, key[Word.PORTS]! >>> 24) !== NO_ICMP_REPLY;
}

function mix(hash: number, word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  const h = hash ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** Returns a signed 32-bit number. */
export function hashKey(key: Int32Array): number {
  let hash = mix(mix(0, key[Word.SOURCE]!), key[Word.DESTINATION]!);
  if (isIPv6(key)) {
    for (let n = 1; n < 4; n++) hash = mix(mix(hash, key[Word.SOURCE + n]!), key[Word.DESTINATION + n]!);
  }
  hash = mix(mix(mix(hash, key[Word.KIND]!), key[Word.PORTS]!), key[Word.ZONE]!);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}

const address = new Uint8Array(16);

function addressText(family: Family, keys: Int32Array, at: number): string {
  for (let n = 0; n < 4; n++) writeU32(address, 4 * n, keys[at + n]!);
  return formatAddress(family, address, 0);
}

/** The key at `at` as a `Tuple` object. */
export function tupleOfKey(keys: Int32Array, at: number): Tuple {
  const family: Family = isIPv6(keys, at) ? 6 : 4;
  const protocol = protocolOf(keys, at);
  const ports = keys[at + Word.PORTS]!;
  const ends = {
    family,
    source: addressText(family, keys, at + Word.SOURCE),
    destination: addressText(family, keys, at + Word.DESTINATION),
    protocol,
  };
  if (tupleHasPorts(protocol)) {
    return { ...ends, ports: { source: ports >>> 16, destination: ports & 0xffff } };
  }
  if (!isIcmp(protocol)) return ends;
  const id = icmpId(ports);
  return { ...ends, icmp: { type: ports >>> 24, code: (ports >>> 16) & 0xff, id } };
}

const idBytes = new Uint8Array(2);

/** The id in an ICMP tuple's word. Its bytes are in this machine's order, as in the record. */
export function icmpId(word: number): number {
  writeU16(idBytes, 0, word & 0xffff);
  return readNativeU16(idBytes, 0);
}

/**
 * A 16-bit number as records hold those that the C node swaps: bytes in this machine's order, read in
 * network order.
 */
export function swappedU16(value: number): number {
  writeNativeU16(idBytes, 0, value);
  return readU16(idBytes, 0);
}
