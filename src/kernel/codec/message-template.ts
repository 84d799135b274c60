/**
 * The template of a flow message: which attributes it has, and at which offsets. Nearly all the kernel's
 * flow messages have one of a few layouts. A template maps each word of a message to a word of the record,
 * so the transcoder need not parse the next message of the same layout: it compares the headers and copies
 * the values.
 *
 * Only common messages have a template: IPv4 or IPv6 with ports, optionally with the state of TCP or of a
 * SYN proxy. A message with a helper, a master, a zone, labels, adjusted sequence numbers or another
 * protocol's state has none.
 */

import { LITTLE_ENDIAN, networkWord } from '../../bytes/endian.ts';
import { Protocol, sendsPorts } from '../../flow/protocol.ts';
import { ATTRIBUTE_HEADER, align4, HEADERS, headerLength, headerType } from '../../system/netlink.ts';
import { Attr, tlvHeader } from '../../wire/attribute.ts';
import { type Layout, LayoutCache } from '../../wire/layout-cache.ts';
import { Signature } from '../../wire/signature.ts';
import type { TranscodeOptions } from '../kernel.ts';
import { Cta, CtaIp, CtaProto, CtaProtoinfo, CtaSynproxy, CtaTcp, CtaTuple } from './ctnetlink-numbers.ts';

/** Offsets of a tuple's parts, in words from the start of the message. */
export interface TuplePlaces {
  /** Words of an address: 1 or 4. */
  readonly addressWords: number;
  readonly source: number;
  readonly destination: number;
  readonly protocol: number;
  readonly sourcePort: number;
  readonly destinationPort: number;
}

/** How to compute a word of the record from the message. */
const Conversion = {
  /** The word unchanged. */
  WORD: 0,
  /** Its first byte. */
  BYTE: 1,
  /** Two ports: the first two bytes of this word and of the word {@link PORT_TO_PORT} further on. */
  PORTS: 2,
} as const;
type Conversion = (typeof Conversion)[keyof typeof Conversion];

const FIRST_BYTE = LITTLE_ENDIAN ? 0xff : 0xff00_0000;

/** Distance between the two ports of a tuple, in words. */
const PORT_TO_PORT = 2;

/** Attributes that a record holds but few flows have: a message with one of them gets no template. */
const RARE: ReadonlySet<number> = new Set([
  Cta.HELP,
  Cta.TUPLE_MASTER,
  Cta.SEQ_ADJ_ORIG,
  Cta.SEQ_ADJ_REPLY,
  Cta.ZONE,
  Cta.LABELS,
]);

/** Counters and timestamps, which records do not hold. */
const MORE: ReadonlySet<number> = new Set([Cta.COUNTERS_ORIG, Cta.COUNTERS_REPLY, Cta.TIMESTAMP]);

const NUMBERS: ReadonlySet<number> = new Set([Cta.STATUS, Cta.TIMEOUT, Cta.MARK, Cta.ID]);

/** Values written per loop iteration, because an iteration costs the runtime as much as several values. */
const UNROLLED = 4;

/** Pads the triples to a multiple of {@link UNROLLED} by repeating the last one. */
function fullTurns(triples: readonly number[]): Int32Array {
  const full = [...triples];
  while (full.length % (3 * UNROLLED) !== 0) full.push(...full.slice(-3));
  return Int32Array.from(full);
}

/** A run of a record's attributes whose layout does not depend on the values. */
class Part {
  private readonly headers: Int32Array;
  /**
   * Triples of a conversion, an offset in the message, and an offset in the part, padded to a multiple of
   * {@link UNROLLED}.
   */
  private readonly values: Int32Array;

  constructor({ headers, values }: PartWriter) {
    this.headers = Int32Array.from(headers);
    this.values = fullTurns(values);
  }

  /** In words. */
  get length(): number {
    return this.headers.length;
  }

  /** Writes everything but the values. */
  begin(out: Int32Array, to: number): void {
    for (let n = 0; n < this.headers.length; n++) out[to + n] = this.headers[n]!;
  }

  /** Writes the values from the message that starts at word `at`. */
  fill(words: Int32Array, at: number, out: Int32Array, to: number): void {
    const { values } = this;
    for (let n = 0; n < values.length; n += 3 * UNROLLED) {
      fillOne(values, n, words, at, out, to);
      fillOne(values, n + 3, words, at, out, to);
      fillOne(values, n + 6, words, at, out, to);
      fillOne(values, n + 9, words, at, out, to);
    }
  }
}

/** Writes one value; see {@link Part.values}. */
function fillOne(
  values: Int32Array,
  n: number,
  words: Int32Array,
  at: number,
  out: Int32Array,
  to: number,
): void {
  const from = at + values[n + 1]!;
  const conversion = values[n]!;
  let value = words[from]!;
  if (conversion === Conversion.BYTE) value &= FIRST_BYTE;
  else if (conversion === Conversion.PORTS) value = joined(value, words[from + PORT_TO_PORT]!);
  out[to + values[n + 2]!] = value;
}

class PartWriter {
  readonly headers: number[] = [];
  readonly values: number[] = [];

  put(type: number, size: number, ...sources: readonly (readonly [Conversion, number])[]): void {
    this.headers.push(tlvHeader(type, size));
    for (const [conversion, place] of sources) {
      this.values.push(conversion, place, this.headers.length);
      this.headers.push(0);
    }
  }

  /** Appends a 32-bit number, if the message has it. */
  number(type: number, place: number | undefined): void {
    if (place !== undefined) this.put(type, 4, [Conversion.WORD, place]);
  }
}

export class MessageTemplate {
  readonly original: TuplePlaces;
  readonly reply: TuplePlaces;
  /** Offset of the status value, in words from the start of the message. */
  readonly status: number;
  /** The record up to where translated addresses and ports would go, and the part after them. */
  readonly head: Part;
  readonly tail: Part;
  /** Whether the message may hold counters or timestamps. */
  readonly tellsMore: boolean;

  private constructor(walk: Walk, head: PartWriter, tail: PartWriter) {
    this.original = walk.original!;
    this.reply = walk.reply!;
    this.status = walk.numbers.get(Cta.STATUS)!;
    this.head = new Part(head);
    this.tail = new Part(tail);
    this.tellsMore = walk.tellsMore;
  }

  /**
   * The template of the flow message in `words`, between byte offsets `start` and `end`; undefined if it can
   * have none.
   */
  static of(
    words: Int32Array,
    start: number,
    end: number,
    options: TranscodeOptions,
  ): Layout<MessageTemplate> | undefined {
    const walk = new Walk(words, start, end);
    if (!walk.message()) return undefined;
    const { numbers, tcp, synproxy } = walk;
    const { addressWords, source, destination, protocol, sourcePort } = walk.original!;
    const addresses = [source, destination].flatMap((place) =>
      Array.from({ length: addressWords }, (_, n) => [Conversion.WORD, place + n] as const),
    );
    const head = new PartWriter();
    head.put(addressWords === 1 ? Attr.IPV4 : Attr.IPV6, 4 * addresses.length, ...addresses);
    head.number(Attr.STATUS, numbers.get(Cta.STATUS));
    head.put(Attr.L4PROTO, 1, [Conversion.BYTE, protocol]);
    head.put(Attr.PORT, 4, [Conversion.PORTS, sourcePort]);
    const state = tcp.get(CtaTcp.STATE);
    const scale = tcp.get(CtaTcp.WSCALE_ORIGINAL);
    const scaleBack = tcp.get(CtaTcp.WSCALE_REPLY);
    if (state !== undefined) head.put(Attr.TCP_STATE, 1, [Conversion.BYTE, state]);
    if (options.windowScale && scale !== undefined && scaleBack !== undefined) {
      head.put(Attr.TCP_WSCALE_ORIG, 1, [Conversion.BYTE, scale]);
      head.put(Attr.TCP_WSCALE_REPL, 1, [Conversion.BYTE, scaleBack]);
    }
    if (options.timeout) head.number(Attr.TIMEOUT, numbers.get(Cta.TIMEOUT));
    head.number(Attr.MARK, numbers.get(Cta.MARK));
    const tail = new PartWriter();
    const [isn, its, offset] = SYNPROXY_PARTS.map((type) => synproxy.get(type));
    if (isn !== undefined && its !== undefined && offset !== undefined)
      tail.put(Attr.SYNPROXY, 12, [Conversion.WORD, its], [Conversion.WORD, isn], [Conversion.WORD, offset]);
    tail.number(Attr.LOCAL_ID, numbers.get(Cta.ID));
    return { signature: new Signature(walk.signature), value: new MessageTemplate(walk, head, tail) };
  }
}

/** Joins the first halves of two words, in memory order. */
function joined(one: number, other: number): number {
  return LITTLE_ENDIAN ? (one & 0xffff) | (other << 16) : (one & ~0xffff) | (other >>> 16);
}

/** Walks through all attributes of a message once. Offsets are in words from its start. */
class Walk {
  readonly length: number;
  readonly signature: number[] = [];
  readonly numbers = new Map<number, number>();
  readonly tcp = new Map<number, number>();
  readonly synproxy = new Map<number, number>();
  original: TuplePlaces | undefined;
  reply: TuplePlaces | undefined;
  tellsMore = false;
  private readonly words: Int32Array;
  private readonly begin: number;
  private protocolInfo = 0;

  constructor(words: Int32Array, start: number, end: number) {
    this.words = words;
    this.begin = start >> 2;
    this.length = end - start;
  }

  /** False if the message can have no template. */
  message(): boolean {
    const seen = new Set<number>();
    const whole = this.attributes(HEADERS, this.length, (type, value, size) => {
      if (seen.has(type)) return false;
      seen.add(type);
      if (type === Cta.TUPLE_ORIG) this.original = this.tuple(value, size);
      else if (type === Cta.TUPLE_REPLY) this.reply = this.tuple(value, size);
      else if (NUMBERS.has(type)) this.numbers.set(type, value >> 2);
      else if (type === Cta.PROTOINFO) return this.stateOfTcp(value, size);
      else if (type === Cta.SYNPROXY) return this.timeOfSynproxy(value, size);
      else if (MORE.has(type)) this.tellsMore = true;
      return !RARE.has(type) && (!NUMBERS.has(type) || size === 4);
    });
    const { original } = this;
    if (!whole || original === undefined || this.reply === undefined || !this.numbers.has(Cta.STATUS))
      return false;
    const protocolWord = this.words[this.begin + original.protocol]!;
    this.signature.push(original.protocol, protocolWord);
    const protocol = networkWord(protocolWord) >>> 24;
    return sendsPorts(protocol) && (this.protocolInfo === 0 || protocol === Protocol.TCP);
  }

  /**
   * Calls `take` for each attribute between two byte offsets of the message; false if the bytes do not parse
   * or `take` returns false.
   */
  private attributes(
    from: number,
    to: number,
    take: (type: number, value: number, size: number) => boolean,
  ): boolean {
    let at = from;
    while (to - at >= ATTRIBUTE_HEADER) {
      const header = this.words[this.begin + (at >> 2)]!;
      const length = headerLength(header);
      if (length < ATTRIBUTE_HEADER || length > to - at) return false;
      this.signature.push(at >> 2, header);
      if (!take(headerType(header), at + ATTRIBUTE_HEADER, length - ATTRIBUTE_HEADER)) return false;
      at += align4(length);
    }
    return at === to;
  }

  /** Parses a tuple of exactly two addresses, a protocol and two ports, in the kernel's order. */
  private tuple(from: number, size: number): TuplePlaces | undefined {
    const places = new Map<string, number>();
    let order = '';
    const note =
      (nest: string, least: (type: number) => number) => (type: number, value: number, length: number) => {
        order += `${nest}${type} `;
        places.set(`${nest}${type}`, value >> 2);
        return length === least(type);
      };
    const addressSize = (type: number) => (type === CtaIp.V4_SRC || type === CtaIp.V4_DST ? 4 : 16);
    const layer4Size = (type: number) => (type === CtaProto.NUM ? 1 : 2);
    const whole = this.attributes(from, from + size, (type, value, length) => {
      if (type === CtaTuple.IP) return this.attributes(value, value + length, note('ip', addressSize));
      if (type === CtaTuple.PROTO) return this.attributes(value, value + length, note('l4', layer4Size));
      return false;
    });
    const addressWords = order === V4_ORDER ? 1 : order === V6_ORDER ? 4 : 0;
    if (!whole || addressWords === 0) return undefined;
    const [source, destination] =
      addressWords === 1 ? [CtaIp.V4_SRC, CtaIp.V4_DST] : [CtaIp.V6_SRC, CtaIp.V6_DST];
    return {
      addressWords,
      source: places.get(`ip${source}`)!,
      destination: places.get(`ip${destination}`)!,
      protocol: places.get(`l4${CtaProto.NUM}`)!,
      sourcePort: places.get(`l4${CtaProto.SRC_PORT}`)!,
      destinationPort: places.get(`l4${CtaProto.DST_PORT}`)!,
    };
  }

  private stateOfTcp(from: number, size: number): boolean {
    this.protocolInfo = from;
    const whole = this.attributes(from, from + size, (type, value, length) => {
      if (type !== CtaProtoinfo.TCP) return false;
      return this.attributes(value, value + length, (inner, at, innerSize) => {
        if (this.tcp.has(inner) || innerSize === 0) return false;
        this.tcp.set(inner, at >> 2);
        return true;
      });
    });
    return whole && this.tcp.has(CtaTcp.STATE);
  }

  private timeOfSynproxy(from: number, size: number): boolean {
    const whole = this.attributes(from, from + size, (type, value, length) => {
      if (length !== 4 || this.synproxy.has(type)) return false;
      this.synproxy.set(type, value >> 2);
      return true;
    });
    return whole && SYNPROXY_PARTS.every((type) => this.synproxy.has(type));
  }
}

const SYNPROXY_PARTS = [CtaSynproxy.ISN, CtaSynproxy.ITS, CtaSynproxy.TSOFF];
const LAYER4_ORDER = `l4${CtaProto.NUM} l4${CtaProto.SRC_PORT} l4${CtaProto.DST_PORT} `;
const V4_ORDER = `ip${CtaIp.V4_SRC} ip${CtaIp.V4_DST} ${LAYER4_ORDER}`;
const V6_ORDER = `ip${CtaIp.V6_SRC} ip${CtaIp.V6_DST} ${LAYER4_ORDER}`;

/** The templates of the message layouts seen so far. */
export class MessageTemplates {
  private readonly cache: LayoutCache<MessageTemplate>;

  constructor(options: TranscodeOptions) {
    this.cache = new LayoutCache((words, start, end) => MessageTemplate.of(words, start, end, options), {
      enabled: options.fastPaths ?? true,
    });
  }

  /**
   * The template of the flow message between byte offsets `start` and `end`; undefined if its layout is not
   * known yet (this call may learn it) or has no template.
   */
  find(words: Int32Array, start: number, end: number): MessageTemplate | undefined {
    const template = this.cache.find(words, start, end);
    if (template === undefined) this.cache.learn(words, start, end);
    return template;
  }
}
