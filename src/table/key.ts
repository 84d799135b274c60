import { Attr, TLV_HEADER, tlvSize } from '../wire/attribute.ts';
import { readI32, readU16 } from '../wire/bytes.ts';
import { ExpAttr } from '../wire/expectation-attribute.ts';

/**
 * What tells one record of a table from another. A key is loaded from a record once, and then compared with records
 * that lie in the table, without being stored a second time.
 */
export interface Keyer {
  /** Takes the key of the canonical record `bytes[start, end)` and returns its hash, a signed 32-bit number. */
  load(bytes: Uint8Array, start: number, end: number): number;
  /** True if the canonical record `bytes[start, end)` has the key that was loaded last. */
  matches(bytes: Uint8Array, start: number, end: number): boolean;
}

function mix(hash: number, word: number): number {
  const k = Math.imul(word, 0xcc9e2d51);
  const h = hash ^ Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

function finish(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Addresses (8 words), protocol and family, ports or ICMP identity, zone. */
const FLOW_WORDS = 11;
const PROTOCOL = 8;
const PORTS = 9;
const ZONE = 10;
/** Size in bytes of a zone's attribute with its padding, and of local ports too. */
const ZONE_SIZE = tlvSize(2);

/**
 * The key of a flow: original tuple (for ICMP: id, type and code too) and zone. A flow without zone is in zone 0.
 * @param seed makes the hash differ from process to process, so that nobody can choose flows that collide
 */
export class FlowKeyer implements Keyer {
  private readonly key = new Int32Array(FLOW_WORDS);
  private readonly other = new Int32Array(FLOW_WORDS);
  private readonly seed: number;

  constructor(seed = 0) {
    this.seed = seed;
  }

  load(bytes: Uint8Array, start: number, end: number): number {
    const key = this.key;
    extractFlowKey(bytes, start, end, key);
    let hash = this.seed;
    for (let n = 0; n < FLOW_WORDS; n++) hash = mix(hash, key[n]!);
    return finish(hash);
  }

  matches(bytes: Uint8Array, start: number, end: number): boolean {
    const { key, other } = this;
    extractFlowKey(bytes, start, end, other);
    for (let n = 0; n < FLOW_WORDS; n++) if (key[n] !== other[n]) return false;
    return true;
  }
}

function extractFlowKey(bytes: Uint8Array, start: number, end: number, key: Int32Array): void {
  // The runtime's own fill costs more than this for so few.
  for (let n = 0; n < FLOW_WORDS; n++) key[n] = 0;
  // Behind the ports only a zone and local ports count, and either would be the last of a canonical record but for the
  // kernel's number. What is taken for one of them by its bytes alone is found out by the long way.
  const hasId = readU16(bytes, end - ZONE_SIZE + 2) === Attr.LOCAL_ID;
  const last = readU16(bytes, end - ZONE_SIZE + 2 - (hasId ? ZONE_SIZE : 0));
  const endsAtPorts = last !== Attr.ZONE && last !== Attr.LOCAL_PORT;
  for (let at = start; at < end; ) {
    const value = at + TLV_HEADER;
    switch (readU16(bytes, at + 2)) {
      case Attr.IPV4:
        key[0] = readI32(bytes, value);
        key[1] = readI32(bytes, value + 4);
        break;
      case Attr.IPV6:
        for (let n = 0; n < 8; n++) key[n] = readI32(bytes, value + 4 * n);
        key[PROTOCOL] = 0x600;
        break;
      case Attr.L4PROTO:
        key[PROTOCOL]! |= bytes[value]!;
        break;
      case Attr.PORT:
        key[PORTS] = readI32(bytes, value);
        if (endsAtPorts) return;
        break;
      case Attr.LOCAL_PORT:
        key[PORTS] = readI32(bytes, value);
        break;
      case Attr.ICMP_TYPE:
        key[PORTS]! |= bytes[value]! << 24;
        break;
      case Attr.ICMP_CODE:
        key[PORTS]! |= bytes[value]! << 16;
        break;
      case Attr.ICMP_ID:
        key[PORTS]! |= readU16(bytes, value);
        break;
      case Attr.ZONE:
        key[ZONE] = readU16(bytes, value);
        break;
    }
    at += (readU16(bytes, at) + 3) & ~3;
  }
}

/**
 * The key of an expectation: all of it but its timeout, as the C node compares them.
 * @param seed as for {@link FlowKeyer}
 */
export class ExpectationKeyer implements Keyer {
  private key = new Uint8Array(0);
  private readonly seed: number;

  constructor(seed = 0) {
    this.seed = seed;
  }

  load(bytes: Uint8Array, start: number, end: number): number {
    this.key = expectationKey(bytes, start, end);
    let hash = this.seed;
    for (let at = 0; at < this.key.length; at += 4) hash = mix(hash, readI32(this.key, at));
    return finish(hash);
  }

  matches(bytes: Uint8Array, start: number, end: number): boolean {
    const other = expectationKey(bytes, start, end);
    return other.length === this.key.length && other.every((byte, n) => byte === this.key[n]);
  }
}

function expectationKey(bytes: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
  const key = new Uint8Array(end - start);
  let size = 0;
  for (let at = start; at < end; ) {
    const tlv = (readU16(bytes, at) + 3) & ~3;
    if (readU16(bytes, at + 2) !== ExpAttr.TIMEOUT) {
      key.set(bytes.subarray(at, at + tlv), size);
      size += tlv;
    }
    at += tlv;
  }
  return key.slice(0, size);
}
