/**
 * The template of a request: where each word of a record goes in it. Nearly all flows have records of a few layouts, and a
 * request with a template is a copy with its values put in: 2,400 instructions where writing a create attribute by attribute
 * takes 7,400.
 *
 * A template is learnt by probing. What a {@link RequestForm} makes of a record of arbitrary values shows where each of them
 * goes; what it makes of other values must equal what the template makes of them, else the layout has no template.
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

/** Appends a request about the flow `bytes[start, end)`. `timeout` is in seconds, 0 where none is given. */
export type WriteRequest = (
  to: NetlinkWriter,
  sequence: number,
  bytes: Uint8Array,
  start: number,
  end: number,
  timeout: number,
) => void;

/** What is asked of the kernel, whatever the flow. */
export interface RequestForm {
  readonly write: WriteRequest;
  /** Whether it is given a timeout, which is not 0 then. */
  readonly timed: boolean;
  /** Bits of the record's status that are left out. */
  readonly statusOut: number;
}

/** How a word of the request is made from one of the record. */
type Conversion = (word: number) => number;

const asItIs: Conversion = (word) => word;
const firstHalf: Conversion = (word) => (LITTLE_ENDIAN ? word & 0xffff : word & ~0xffff);
const secondHalf: Conversion = (word) => (LITTLE_ENDIAN ? word >>> 16 : word << 16);
/** A port that the record has in this machine's byte order. */
const toNetwork: Conversion = (word) => (LITTLE_ENDIAN ? ((word & 0xff) << 8) | ((word >>> 8) & 0xff) : word);
const STATUS_IN = networkWord(Status.CONFIRMED);

/** Attributes whose values go into the request whatever they are, each in one place or several. */
const COPIED = FLOW_ATTRIBUTES.typesWith(({ template }) => template);

function asStatus(word: number, out: number): number {
  return (word & ~out) | STATUS_IN;
}

/** Where the value words of a record are, and which bits of them are not padding. */
interface Value {
  readonly type: number;
  readonly place: number;
  readonly bits: number;
}

/** The parts of a record: its headers and protocol, which its layout fixes, and its values. */
interface RecordParts {
  /** Pairs of an offset in words and the word there. */
  readonly fixed: readonly number[];
  readonly values: readonly Value[];
}

/** Which words of a request one conversion makes, as pairs of an offset in the record and one in the request. */
class Conversions {
  private readonly convert: Conversion;
  private readonly pairs: number[] = [];

  constructor(convert: Conversion) {
    this.convert = convert;
  }

  /** Whether this conversion of the value gives the request's word at `to`; notes it if so. */
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
 * Seeds of arbitrary words, others of each for the same place. By chance two places have the same one, mostly of a byte: then
 * another seed shows which of them is meant.
 */
const SEEDS = [0x9e37_79b9, 0x85eb_ca6b, 0xc2b2_ae35, 0x27d4_eb2f] as const;
/** Where a request has its number, which no record tells, in words. */
const SEQUENCE = 2;

export class RequestTemplate {
  private readonly template: Uint8Array;
  private readonly templateWords: Int32Array;
  private readonly words: Int32Array;
  private readonly firstHalves: Int32Array;
  private readonly secondHalves: Int32Array;
  private readonly toNetwork: Int32Array;
  private readonly status: Int32Array;
  /** As it stands in the request. */
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
   * The template of requests of this form for records with the layout of the one in `words`, from the byte `start` to `end`;
   * undefined if they have none.
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

  /** Appends the request for the record that begins at the word `at`; `timeout` as in {@link RequestForm}. */
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

/** Undefined if the record has anything but plain attributes, or no ports. Places are in words from its beginning. */
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

/** A record of this layout with arbitrary values, and the request of this form that is made of it. */
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
