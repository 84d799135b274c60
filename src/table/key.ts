import { networkWord, readNativeI32 } from '../bytes/endian.ts';
import { readI32, readU16 } from '../bytes/integers.ts';
import { NO_WORDS } from '../bytes/words.ts';
import { Attr, TLV_HEADER, tlvHeader, tlvType, tlvWords } from '../wire/attribute.ts';
import { ExpAttr } from '../wire/expectation-attributes.ts';

/**
 * Identifies the records of a table. It loads a key from a record once, and then compares it with records in
 * the table, so keys need no memory of their own.
 */
export interface Keyer {
  /**
   * A number below 256 for the offsets of the key in all canonical records with the same attributes as this
   * one, from word `at` to `end`. Its meaning is private to the keyer; 0 if the keyer must parse each
   * record.
   */
  keyLayoutOf(words: Int32Array, at: number, end: number): number;
  /**
   * Loads the key of the canonical record `bytes[start, end)` and returns its hash, a signed 32-bit number.
   * @param words the memory of `bytes` as words
   * @param keyLayout result of {@link keyLayoutOf}; without it, the keyer parses the whole record
   */
  load(bytes: Uint8Array, start: number, end: number, words?: Int32Array, keyLayout?: number): number;
  /** A number for the key that was loaded last, the same on all machines of one byte order; a signed 32-bit number. */
  digest(): number;
  /** True if the canonical record `bytes[start, end)` has the key that was loaded last. */
  matches(bytes: Uint8Array, start: number, end: number, words?: Int32Array, keyLayout?: number): boolean;
}

/** Anybody can compute digests: they find mistakes, and keep nobody out. */
const DIGEST_SEED = 0x636e7464;

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

/** Source and destination (4 words each; IPv4 uses 1), protocol and family, ports or ICMP identity, zone. */
const FLOW_WORDS = 11;
const PROTOCOL = 8;
const PORTS = 9;
const ZONE = 10;
const IPV6 = networkWord(0x600);

const IPV4_HEADER = tlvHeader(Attr.IPV4, 8);
const IPV6_HEADER = tlvHeader(Attr.IPV6, 32);
const STATUS_HEADER = tlvHeader(Attr.STATUS, 4);
const L4PROTO_HEADER = tlvHeader(Attr.L4PROTO, 1);
const PORT_HEADER = tlvHeader(Attr.PORT, 4);
/**
 * The key of a flow: original tuple (for ICMP also id, type and code) and zone. A flow without a zone is in
 * zone 0.
 * @param seed varies the hash per process, so that an attacker cannot choose flows that collide
 */
export class FlowKeyer implements Keyer {
  private readonly key = new Int32Array(FLOW_WORDS);
  private readonly other = new Int32Array(FLOW_WORDS);
  private readonly seed: number;
  /** Result of {@link keyLayoutOf} for the loaded record. */
  private loadedLayout = 0;

  constructor(seed = 0) {
    this.seed = seed;
  }

  /**
   * Number of address words if the record starts as nearly all do: IPv4 or IPv6, status, protocol, ports.
   * Otherwise 0.
   */
  keyLayoutOf(words: Int32Array, at: number, end: number): number {
    const count = words[at] === IPV4_HEADER ? 2 : words[at] === IPV6_HEADER ? 8 : 0;
    const status = at + 1 + count;
    if (count === 0 || status + 6 > end) return 0;
    if (words[status] !== STATUS_HEADER) return 0;
    if (words[status + 2] !== L4PROTO_HEADER || words[status + 4] !== PORT_HEADER) return 0;
    // After the ports, only these types belong to the key.
    for (let rest = status + 6; rest < end; rest += tlvWords(words[rest]!)) {
      const type = tlvType(words[rest]!);
      if (type === Attr.ZONE || type === Attr.LOCAL_PORT) return 0;
    }
    return count;
  }

  load(bytes: Uint8Array, start: number, end: number, words = NO_WORDS, keyLayout = 0): number {
    const { key } = this;
    this.loadedLayout = keyLayout;
    if (keyLayout === 0) extractFlowKey(bytes, start, end, key);
    else loadByLayout(words, start >> 2, keyLayout, key);
    return this.hash(this.seed);
  }

  digest(): number {
    return this.hash(DIGEST_SEED);
  }

  matches(bytes: Uint8Array, start: number, end: number, words = NO_WORDS, keyLayout = 0): boolean {
    const { key } = this;
    if (keyLayout !== 0 && keyLayout === this.loadedLayout)
      return matchesByLayout(words, start >> 2, keyLayout, key);
    const { other } = this;
    extractFlowKey(bytes, start, end, other);
    for (let n = 0; n < FLOW_WORDS; n++) if (key[n] !== other[n]) return false;
    return true;
  }

  private hash(seed: number): number {
    const { key } = this;
    let hash = mix(mix(seed, key[0]!), key[1]!);
    if (key[PROTOCOL]! & IPV6) for (let n = 2; n < PROTOCOL; n++) hash = mix(hash, key[n]!);
    return finish(mix(mix(mix(hash, key[PROTOCOL]!), key[PORTS]!), key[ZONE]!));
  }
}

function loadByLayout(words: Int32Array, at: number, count: number, key: Int32Array): void {
  const status = at + 1 + count;
  key[0] = words[at + 1]!;
  key[1] = words[at + 2]!;
  if (count > 2) {
    key[2] = words[at + 3]!;
    key[3] = words[at + 4]!;
    key[4] = words[at + 5]!;
    key[5] = words[at + 6]!;
    key[6] = words[at + 7]!;
    key[7] = words[at + 8]!;
  } else {
    key[2] = key[3] = key[4] = key[5] = key[6] = key[7] = 0;
  }
  key[PROTOCOL] = words[status + 3]! | (count === 2 ? 0 : IPV6);
  key[PORTS] = words[status + 5]!;
  key[ZONE] = 0;
}

function matchesByLayout(words: Int32Array, at: number, count: number, key: Int32Array): boolean {
  const status = at + 1 + count;
  if (words[status + 5] !== key[PORTS]) return false;
  if (words[at + 1] !== key[0] || words[at + 2] !== key[1]) return false;
  for (let n = 2; n < count; n++) if (words[at + 1 + n] !== key[n]) return false;
  return (words[status + 3]! | (count === 2 ? 0 : IPV6)) === key[PROTOCOL];
}

function extractFlowKey(bytes: Uint8Array, start: number, end: number, key: Int32Array): void {
  // A loop, because the runtime's own `fill` costs more for so few elements.
  for (let n = 0; n < FLOW_WORDS; n++) key[n] = 0;
  for (let at = start; at < end; ) {
    const value = at + TLV_HEADER;
    switch (readU16(bytes, at + 2)) {
      case Attr.IPV4:
        key[0] = readNativeI32(bytes, value);
        key[1] = readNativeI32(bytes, value + 4);
        break;
      case Attr.IPV6:
        for (let n = 0; n < 8; n++) key[n] = readNativeI32(bytes, value + 4 * n);
        key[PROTOCOL] = IPV6;
        break;
      case Attr.L4PROTO:
        key[PROTOCOL]! |= readNativeI32(bytes, value);
        break;
      case Attr.PORT:
      case Attr.LOCAL_PORT:
        key[PORTS] = readNativeI32(bytes, value);
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
 * The key of an expectation: all attributes except the timeout, as the C node compares them.
 * @param seed as for {@link FlowKeyer}
 */
export class ExpectationKeyer implements Keyer {
  private key = new Uint8Array(0);
  private readonly seed: number;

  constructor(seed = 0) {
    this.seed = seed;
  }

  keyLayoutOf(): number {
    return 0;
  }

  load(bytes: Uint8Array, start: number, end: number): number {
    this.key = expectationKey(bytes, start, end);
    return this.hash(this.seed);
  }

  digest(): number {
    return this.hash(DIGEST_SEED);
  }

  private hash(seed: number): number {
    let hash = seed;
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
