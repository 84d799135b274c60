/** A flow's record in the table: the one that ctnetlink and the transcoder produce for a live flow. */

import { networkWord } from '../../bytes/endian.ts';
import { alignedWordsOf } from '../../bytes/words.ts';
import { isIcmp, Protocol, sendsPorts } from '../../flow/protocol.ts';
import { Status } from '../../flow/status.ts';
import { Attr, TLV_HEADER, tlvHeader, tlvType, tlvWords } from '../../wire/attribute.ts';
import { FLOW_ATTRIBUTES } from '../../wire/flow-attributes.ts';
import { FLOW_FORMAT, mergeRecords } from '../../wire/record.ts';
import { putAttribute } from '../../wire/tlv.ts';
import { tupleHasPorts } from '../codec/request-tuple.ts';
import type { TranscodeOptions } from '../kernel.ts';
import type { Attributes } from './attributes.ts';
import { LOCAL_RECORD_MAX } from './events.ts';
import { icmpId, isIPv6, protocolOf, swappedU16, Word } from './tuple-key.ts';

/** Headers of the fixed-size types, by type. */
const { rank: RANK } = FLOW_ATTRIBUTES;
const HEADERS: Int32Array = Int32Array.from(FLOW_ATTRIBUTES.valueSize, (size, type) =>
  size < 0 ? 0 : tlvHeader(type, size),
);

/** Position of STATUS's value in the record that starts at `at`: only the addresses come before it. */
export function statusAt(words: Int32Array, at: number): number {
  return at + tlvWords(words[at]!) + 1;
}

/** Position of the value of `type` in the record `words[at, at + count)`; -1 if the record lacks it. */
export function valueAt(words: Int32Array, at: number, count: number, type: number): number {
  for (let from = at; from < at + count; from += tlvWords(words[from]!)) {
    if (tlvType(words[from]!) === type) return from + 1;
  }
  return -1;
}

/** Types that a live flow's record has, but not the record in its destroy event. */
const NOT_IN_DESTROY: Uint8Array = new Uint8Array(Attr.LOCAL_ID + 1);
for (const type of [
  Attr.TCP_WSCALE_ORIG,
  Attr.TCP_WSCALE_REPL,
  Attr.MASTER_IPV4,
  Attr.MASTER_IPV6,
  Attr.MASTER_L4PROTO,
  Attr.MASTER_PORT,
  Attr.NAT_SEQ_ADJ,
  Attr.HELPER_NAME,
  Attr.LABELS,
  Attr.SYNPROXY,
]) {
  NOT_IN_DESTROY[type] = 1;
}

/**
 * Copies those parts of the record `words[at, at + count)` that its destroy event has to `out`; returns the
 * number of words.
 */
export function endingRecord(words: Int32Array, at: number, count: number, out: Int32Array): number {
  let to = 0;
  for (let from = at; from < at + count; ) {
    const word = words[from]!;
    const size = tlvWords(word);
    if (NOT_IN_DESTROY[tlvType(word)] === 0) {
      for (let n = 0; n < size; n++) out[to + n] = words[from + n]!;
      to += size;
    }
    from += size;
  }
  return to;
}

/** Builds records of flows. Holds one at a time, in `words`. */
export class FlowRecord {
  readonly bytes = new Uint8Array(LOCAL_RECORD_MAX);
  readonly words = alignedWordsOf(this.bytes);
  private readonly patch = new Uint8Array(LOCAL_RECORD_MAX);
  private readonly options: TranscodeOptions;
  /** Current size of the record in words. */
  count = 0;
  /** Position of TIMEOUT's value in words; 0 without one. */
  timeoutWord = 0;
  /** True if the flow's destroy event has all of the record. */
  plain = false;

  constructor(options: TranscodeOptions) {
    this.options = options;
  }

  /**
   * Builds the record of a flow.
   * @param record the request: everything but tuples, translation and status comes from it
   * @param scales whether to use its window scales
   * @param keys memory with the master's key, at `master`; `master` is -1 without one
   */
  write(
    record: Attributes,
    original: Int32Array,
    reply: Int32Array,
    status: number,
    scales: boolean,
    keys: Int32Array,
    master: number,
  ): void {
    const { words } = this;
    const protocol = protocolOf(original);
    // Writes what every flow has without a call per attribute.
    let to = putAddresses(words, 0, Attr.IPV4, Attr.IPV6, original, 0);
    words[to] = HEADERS[Attr.STATUS]!;
    words[to + 1] = networkWord(status);
    words[to + 2] = HEADERS[Attr.L4PROTO]!;
    words[to + 3] = networkWord(protocol << 24);
    to += 4;
    if (sendsPorts(protocol)) {
      words[to] = HEADERS[Attr.PORT]!;
      words[to + 1] = networkWord(original[Word.PORTS]!);
      to += 2;
    }
    if (protocol === Protocol.TCP) {
      words[to] = HEADERS[Attr.TCP_STATE]!;
      words[to + 1] = networkWord(record.u8(Attr.TCP_STATE) << 24);
      to += 2;
    }
    this.count = to;
    if (protocol !== Protocol.UDP) this.protocol(record, original, scales);
    to = this.count;
    this.timeoutWord = 0;
    if (this.options.timeout) {
      this.timeoutWord = to + 1;
      words[to] = HEADERS[Attr.TIMEOUT]!;
      words[to + 1] = 0;
      to += 2;
    }
    words[to] = HEADERS[Attr.MARK]!;
    words[to + 1] = networkWord(record.i32(Attr.MARK));
    this.count = to + 2;
    const countBefore = this.count;
    if (master >= 0) this.master(keys, master);
    this.plain = countBefore === this.count && !this.options.windowScale;
    if ((status & (Status.SRC_NAT_DONE | Status.DST_NAT_DONE)) !== 0) this.translations(original, reply);
    if (record.has(Attr.NAT_SEQ_ADJ) || record.has(Attr.HELPER_NAME)) this.plain = false;
    if (record.has(Attr.LABELS) || record.has(Attr.SYNPROXY)) this.plain = false;
    if (!this.plain) this.extensions(record);
    if (original[Word.ZONE] !== 0) this.u16(Attr.ZONE, original[Word.ZONE]!);
    if (this.hasLocalPorts(original)) this.word(Attr.LOCAL_PORT, original[Word.PORTS]!);
  }

  private extensions(record: Attributes): void {
    this.copy(Attr.NAT_SEQ_ADJ, record);
    this.copy(Attr.HELPER_NAME, record);
    this.copy(Attr.LABELS, record);
    this.copy(Attr.SYNPROXY, record);
  }

  /**
   * Writes the record `words[at, at + count)` with the attributes of `types`, in record order, replaced by
   * those of `change`. Ignores the state of another protocol, and window scales that the flow lacks, so
   * everything before TIMEOUT keeps its place.
   */
  merge(words: Int32Array, at: number, count: number, change: Attributes, types: readonly number[]): void {
    const { patch } = this;
    let size = 0;
    for (const type of types) {
      const value = change.at(type);
      if (value === 0) continue;
      if (RANK[type]! < RANK[Attr.TIMEOUT]! && valueAt(words, at, count, type) < 0) continue;
      size = putAttribute(patch, size, type, change.bytes, value, change.sizeOf(type));
    }
    this.plain = false;
    const known = new Uint8Array(words.buffer, words.byteOffset + 4 * at, 4 * count);
    this.count = mergeRecords(FLOW_FORMAT, known, 0, 4 * count, patch, 0, size, this.bytes, 0) >> 2;
  }

  private hasLocalPorts(key: Int32Array): boolean {
    const protocol = protocolOf(key);
    return tupleHasPorts(protocol) && !sendsPorts(protocol);
  }

  private word(type: number, value: number): void {
    const { words, count } = this;
    words[count] = HEADERS[type]!;
    words[count + 1] = networkWord(value);
    this.count = count + 2;
  }

  private u8(type: number, value: number): void {
    this.word(type, value << 24);
  }

  private u16(type: number, value: number): void {
    this.word(type, value << 16);
  }

  private copy(type: number, record: Attributes): void {
    const at = record.at(type);
    if (at === 0) return;
    const size = record.sizeOf(type);
    const { bytes, words, count } = this;
    words[count] = tlvHeader(type, size);
    const from = 4 * (count + 1);
    // Zeroes the padding.
    words[count + ((TLV_HEADER + size - 1) >> 2)] = 0;
    for (let n = 0; n < size; n++) bytes[from + n] = record.bytes[at + n]!;
    this.count = count + ((TLV_HEADER + size + 3) >> 2);
  }

  /**
   * Writes the ICMP identity, and the parts of the protocol's state that are still missing: the kernel
   * always sends all.
   */
  private protocol(record: Attributes, key: Int32Array, scales: boolean): void {
    const protocol = protocolOf(key);
    const ports = key[Word.PORTS]!;
    if (isIcmp(protocol)) {
      this.u8(Attr.ICMP_TYPE, ports >>> 24);
      this.u8(Attr.ICMP_CODE, (ports >>> 16) & 0xff);
      this.u16(Attr.ICMP_ID, ports & 0xffff);
      return;
    }
    if (protocol === Protocol.TCP) {
      if (!this.options.windowScale) return;
      this.u8(Attr.TCP_WSCALE_ORIG, scales ? record.u8(Attr.TCP_WSCALE_ORIG) : 0);
      this.u8(Attr.TCP_WSCALE_REPL, scales ? record.u8(Attr.TCP_WSCALE_REPL) : 0);
    } else if (protocol === Protocol.SCTP) {
      this.u8(Attr.SCTP_STATE, record.u8(Attr.SCTP_STATE));
      this.word(Attr.SCTP_VTAG_ORIG, record.i32(Attr.SCTP_VTAG_ORIG));
      this.word(Attr.SCTP_VTAG_REPL, record.i32(Attr.SCTP_VTAG_REPL));
    } else if (protocol === Protocol.DCCP) {
      this.u8(Attr.DCCP_STATE, record.u8(Attr.DCCP_STATE));
      this.u8(Attr.DCCP_ROLE, record.u8(Attr.DCCP_ROLE));
    }
  }

  /** Writes the master's original tuple, whichever direction named it. */
  private master(keys: Int32Array, at: number): void {
    const protocol = protocolOf(keys, at);
    this.count = putAddresses(this.words, this.count, Attr.MASTER_IPV4, Attr.MASTER_IPV6, keys, at);
    this.u8(Attr.MASTER_L4PROTO, protocol);
    if (tupleHasPorts(protocol)) this.word(Attr.MASTER_PORT, keys[at + Word.PORTS]!);
  }

  /** Writes SNAT, DNAT and ports as the C node sends them; see `layer4Source` for why ICMP gets a port 0. */
  private translations(original: Int32Array, reply: Int32Array): void {
    const source = !sameAddress(reply, Word.DESTINATION, original, Word.SOURCE);
    const destination = !sameAddress(reply, Word.SOURCE, original, Word.DESTINATION);
    const v6 = isIPv6(original);
    if (source) this.address(v6 ? Attr.SNAT_IPV6 : Attr.SNAT_IPV4, v6, reply, Word.DESTINATION);
    if (destination) this.address(v6 ? Attr.DNAT_IPV6 : Attr.DNAT_IPV4, v6, reply, Word.SOURCE);
    const [before, after] = [original[Word.PORTS]!, reply[Word.PORTS]!];
    if (isIcmp(protocolOf(original))) {
      if (after >>> 16 !== icmpId(before)) this.u16(Attr.SPAT_PORT, 0);
      if (icmpId(after) !== before >>> 16) this.u16(Attr.DPAT_PORT, 0);
      return;
    }
    if ((after & 0xffff) !== before >>> 16) this.u16(Attr.SPAT_PORT, swappedU16(after & 0xffff));
    if (after >>> 16 !== (before & 0xffff)) this.u16(Attr.DPAT_PORT, swappedU16(after >>> 16));
  }

  private address(type: number, v6: boolean, key: Int32Array, at: number): void {
    const { words } = this;
    let to = this.count;
    words[to++] = HEADERS[type]!;
    for (let n = 0; n < (v6 ? 4 : 1); n++) words[to++] = networkWord(key[at + n]!);
    this.count = to;
  }
}

/** Writes both addresses of a key under one header, and returns the position after them. */
function putAddresses(
  words: Int32Array,
  at: number,
  v4: number,
  v6: number,
  keys: Int32Array,
  key: number,
): number {
  if (isIPv6(keys, key)) {
    words[at] = HEADERS[v6]!;
    for (let n = 0; n < 8; n++) words[at + 1 + n] = networkWord(keys[key + n]!);
    return at + 9;
  }
  words[at] = HEADERS[v4]!;
  words[at + 1] = networkWord(keys[key + Word.SOURCE]!);
  words[at + 2] = networkWord(keys[key + Word.DESTINATION]!);
  return at + 3;
}

function sameAddress(one: Int32Array, oneAt: number, other: Int32Array, otherAt: number): boolean {
  for (let n = 0; n < 4; n++) if (one[oneAt + n] !== other[otherAt + n]) return false;
  return true;
}
