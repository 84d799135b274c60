/**
 * The template of a request maps each word of a record to words of the request. Nearly all flows have
 * records of a few layouts. A request with a template is a copy with the values filled in, which takes 2,400
 * instructions; writing a create attribute by attribute takes 7,400.
 *
 * Templates are learnt by probing. A {@link RequestForm} builds a request from a record of arbitrary values,
 * which shows where each value goes. For other values, form and template must then produce equal requests,
 * or else the layout gets no template.
 */

import { copyBytes } from '../../bytes/copy.ts';
import { LITTLE_ENDIAN, networkWord } from '../../bytes/endian.ts';
import { wordsOf } from '../../bytes/words.ts';
import { sendsPorts } from '../../flow/protocol.ts';
import { Status } from '../../flow/status.ts';
import { NetlinkWriter } from '../../system/netlink.ts';
import { Attr, paddingOf, tlvType, tlvWords } from '../../wire/attribute.ts';
import { FLOW_ATTRIBUTES } from '../../wire/flow-attributes.ts';
import type { Layout } from '../../wire/layout-cache.ts';
import { Signature } from '../../wire/signature.ts';
import { REQUEST_MAX } from './request-tuple.ts';

/** Appends a request about the flow `bytes[start, end)`. `timeout` is in seconds, 0 for none. */
export type WriteRequest = (
  to: NetlinkWriter,
  sequence: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  timeout: number,
) => void;

/** A kind of request, whatever the flow. */
export interface RequestForm {
  readonly write: WriteRequest;
  /** Whether the caller supplies a timeout, which is then not 0. */
  readonly timed: boolean;
  /** Status bits of the record that the request leaves out. */
  readonly statusOut: number;
}

/** How to compute a word of the request from a word of the record. */
type Conversion = (word: number) => number;

const asItIs: Conversion = (word) => word;
const firstHalf: Conversion = (word) => (LITTLE_ENDIAN ? word & 0xffff : word & ~0xffff);
const secondHalf: Conversion = (word) => (LITTLE_ENDIAN ? word >>> 16 : word << 16);
/** For a port that the record holds in this machine's byte order. */
const toNetwork: Conversion = (word) => (LITTLE_ENDIAN ? ((word & 0xff) << 8) | ((word >>> 8) & 0xff) : word);
const STATUS_IN = networkWord(Status.CONFIRMED);

/** Attributes whose values the request copies unconditionally, to one or more places. */
const COPIED = FLOW_ATTRIBUTES.typesWith(({ template }) => template);

function asStatus(word: number, out: number): number {
  return (word & ~out) | STATUS_IN;
}

/** Offset of a value word in a record, and which of its bits are not padding. */
interface Value {
  readonly type: number;
  readonly place: number;
  readonly bits: number;
}

/** The parts of a record: its headers and protocol, which its layout determines, and its values. */
interface RecordParts {
  /** Pairs of an offset in words and the word at it. */
  readonly fixed: readonly number[];
  readonly values: readonly Value[];
}

/**
 * The words of a request that one conversion produces, as pairs of an offset in the record and one in the
 * request.
 */
class Conversions {
  private readonly convert: Conversion;
  private readonly pairs: number[] = [];

  constructor(convert: Conversion) {
    this.convert = convert;
  }

  /** Whether this conversion of the value produces the request's word at `to`; if so, records the pair. */
  note(record: Int32Array, { place }: Value, request: Int32Array, to: number): boolean {
    if (this.convert(record[place]!) !== request[to]) return false;
    this.pairs.push(place, to);
    return true;
  }

  get all(): Int32Array {
    return Int32Array.from(this.pairs);
  }
}

/**
 * Seeds for the arbitrary words. With one seed, two places may by chance hold equal values (most likely
 * bytes); another seed then shows which of the two the request copies.
 */
const SEEDS = [0x9e37_79b9, 0x85eb_ca6b, 0xc2b2_ae35, 0x27d4_eb2f] as const;
/** Offset of the sequence number in a request, in words; it does not come from the record. */
const SEQUENCE = 2;

export class RequestTemplate {
  private readonly template: Uint8Array;
  private readonly templateWords: Int32Array;
  private readonly words: Int32Array;
  private readonly firstHalves: Int32Array;
  private readonly secondHalves: Int32Array;
  private readonly toNetwork: Int32Array;
  private readonly status: Int32Array;
  /** In the byte order of the request. */
  private readonly statusOut: number;
  private readonly timeouts: Int32Array;

  private constructor(form: RequestForm, { fixed, values }: RecordParts, size: number, seed: number) {
    this.statusOut = networkWord(form.statusOut);
    const tried = probeLayout(form, { fixed, values }, size, seed);
    this.template = tried.request;
    this.templateWords = wordsOf(this.template);
    const words = new Conversions(asItIs);
    const firsts = new Conversions(firstHalf);
    const seconds = new Conversions(secondHalf);
    const turned = new Conversions(toNetwork);
    const status = new Conversions((word) => asStatus(word, this.statusOut));
    const timeouts: number[] = [];
    const conversionsOf = (type: number): readonly Conversions[] => {
      if (type === Attr.PORT) return [firsts, seconds];
      if (type === Attr.SPAT_PORT || type === Attr.DPAT_PORT) return [turned];
      return [type === Attr.STATUS ? status : words];
    };
    this.templateWords.forEach((word, to) => {
      if (form.timed && word === networkWord(tried.timeout)) timeouts.push(to);
      else
        values.some((value) =>
          conversionsOf(value.type).some((some) => some.note(tried.record, value, this.templateWords, to)),
        );
    });
    this.words = words.all;
    this.firstHalves = firsts.all;
    this.secondHalves = seconds.all;
    this.toNetwork = turned.all;
    this.status = status.all;
    this.timeouts = Int32Array.from(timeouts);
  }

  /**
   * The template of this form's requests for records with the layout of the one in `words`, between byte
   * offsets `start` and `end`; undefined if the layout has none.
   */
  static of(
    form: RequestForm,
    words: Int32Array,
    start: number,
    end: number,
  ): Layout<RequestTemplate> | undefined {
    const parts = partsOf(words, start >> 2, end >> 2);
    if (parts === undefined) return undefined;
    const size = end - start;
    for (const learnt of SEEDS) {
      const template = new RequestTemplate(form, parts, size, learnt);
      if (SEEDS.every((seed) => template.agrees(form, parts, size, seed)))
        return { signature: new Signature(parts.fixed), value: template };
    }
    return undefined;
  }

  private agrees(form: RequestForm, parts: RecordParts, size: number, seed: number): boolean {
    const { record, timeout, request } = probeLayout(form, parts, size, seed);
    const to = new NetlinkWriter(REQUEST_MAX);
    this.put(to, 0, record, 0, timeout);
    return to.at === request.length && request.every((byte, at) => byte === to.bytes[at]);
  }

  /** Appends the request for the record that starts at word `at`; `timeout` as in {@link RequestForm}. */
  put(to: NetlinkWriter, sequence: number, record: Int32Array, at: number, timeout: number): void {
    const {
      template,
      words,
      firstHalves,
      secondHalves,
      toNetwork: turned,
      status,
      statusOut,
      timeouts,
    } = this;
    const out = to.words;
    copyBytes(template, this.templateWords, 0, template.length, to.bytes, out, to.at);
    const began = to.at >> 2;
    to.at += template.length;
    out[began + SEQUENCE] = sequence;
    for (let n = 0; n < words.length; n += 2) out[began + words[n + 1]!] = record[at + words[n]!]!;
    for (let n = 0; n < firstHalves.length; n += 2)
      out[began + firstHalves[n + 1]!] = firstHalf(record[at + firstHalves[n]!]!);
    for (let n = 0; n < secondHalves.length; n += 2)
      out[began + secondHalves[n + 1]!] = secondHalf(record[at + secondHalves[n]!]!);
    for (let n = 0; n < turned.length; n += 2)
      out[began + turned[n + 1]!] = toNetwork(record[at + turned[n]!]!);
    for (let n = 0; n < status.length; n += 2)
      out[began + status[n + 1]!] = asStatus(record[at + status[n]!]!, statusOut);
    for (let n = 0; n < timeouts.length; n++) out[began + timeouts[n]!] = networkWord(timeout);
  }
}

/**
 * Splits a record; undefined if it has attributes that are not plain, or no ports. Offsets are in words from
 * its start.
 */
function partsOf(words: Int32Array, first: number, end: number): RecordParts | undefined {
  const fixed: number[] = [];
  const values: Value[] = [];
  let hasPorts = false;
  for (let at = first; at < end; ) {
    const header = words[at]!;
    const type = tlvType(header);
    const place = at - first;
    fixed.push(place, header);
    at += tlvWords(header);
    if (type === Attr.L4PROTO) {
      const protocol = words[first + place + 1]!;
      fixed.push(place + 1, protocol);
      hasPorts ||= sendsPorts(networkWord(protocol) >>> 24);
    } else if (COPIED.has(type)) {
      const last = at - 1 - first;
      for (let value = place + 1; value <= last; value++) {
        values.push({
          type,
          place: value,
          bits: value === last ? ~paddingOf(FLOW_ATTRIBUTES.valueSize[type]!) : -1,
        });
      }
    } else {
      return undefined;
    }
  }
  return hasPorts && values.some(({ type }) => type === Attr.PORT) ? { fixed, values } : undefined;
}

/** Builds a record of this layout with arbitrary values, and the request that the form makes of it. */
function probeLayout(form: RequestForm, { fixed, values }: RecordParts, size: number, seed: number) {
  const bytes = new Uint8Array(size);
  const record = wordsOf(bytes);
  for (let n = 0; n < fixed.length; n += 2) record[fixed[n]!] = fixed[n + 1]!;
  let arbitrary = seed;
  const next = () => {
    arbitrary = Math.imul(arbitrary ^ (arbitrary >>> 15), 0x2c1b_3c6d) + seed;
    return arbitrary ^ (arbitrary >>> 13);
  };
  for (const { place, bits } of values) record[place] = next() & bits;
  const timeout = form.timed ? next() >>> 1 : 0;
  const to = new NetlinkWriter(REQUEST_MAX);
  form.write(to, 0, bytes, 0, size, timeout);
  return { record, timeout, request: to.bytes.slice(0, to.at) };
}
