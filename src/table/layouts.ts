import { tlvType, tlvWords, WIRE_ATTRIBUTES } from '../wire/attribute.ts';
import { Signature } from '../wire/signature.ts';
import type { Keyer } from './key.ts';

/** The number of no layout. */
export const NO_LAYOUT = 0;
/** The greatest number of a layout: it has a byte of a row. */
const LAYOUT_MAX = 255;
/** Layouts are looked for by the size of a record, at one of so many places, each with a few of them at most. */
const PLACES = 64;
const AT_A_PLACE = 4;

/** The attributes of a record in order, with their sizes, whatever their values are. */
class Layout {
  readonly number: number;
  /** Of a record. */
  readonly words: number;
  readonly headers: Signature;

  constructor(number: number, words: number, headers: Signature) {
    this.number = number;
    this.words = words;
    this.headers = headers;
  }
}

/**
 * The layouts of the records of a table. Nearly all flows are told of in records of a few layouts: what can be known of a
 * record by its layout is found out once, and a record's layout is a small number that is kept beside it.
 */
export class RecordLayouts {
  private readonly keyer: Keyer;
  private readonly places: Layout[][] = Array.from({ length: PLACES }, () => []);
  private readonly keyLayouts = new Uint8Array(LAYOUT_MAX + 1);
  private readonly wireSizes = new Uint16Array(LAYOUT_MAX + 1);
  private known = 0;

  constructor(keyer: Keyer) {
    this.keyer = keyer;
  }

  /** The number of the layout that a record has, or {@link NO_LAYOUT} if it is not one of those that are known. */
  numberOf(words: Int32Array, start: number, end: number): number {
    if (words.length === 0 || ((start | end) & 3) !== 0) return NO_LAYOUT;
    const at = start >> 2;
    const length = (end - start) >> 2;
    const place = this.places[length & (PLACES - 1)]!;
    for (let n = 0; n < place.length; n++) {
      const layout = place[n]!;
      if (layout.words === length && layout.headers.matches(words, at)) return layout.number;
    }
    return place.length < AT_A_PLACE && this.known < LAYOUT_MAX
      ? this.learn(place, words, at, length)
      : NO_LAYOUT;
  }

  /** What the keyer knows of a record by its layout. */
  keyLayoutOf(layout: number): number {
    return this.keyLayouts[layout]!;
  }

  /** Bytes of a record that go on the wire. The layout must be known. */
  wireSizeOf(layout: number): number {
    return this.wireSizes[layout]!;
  }

  /** Forgets all layouts. Nothing may be left that has one. */
  clear(): void {
    for (const place of this.places) place.length = 0;
    this.known = 0;
  }

  private learn(place: Layout[], words: Int32Array, first: number, length: number): number {
    const headers: number[] = [];
    let onWire = 0;
    for (let at = 0; at < length; ) {
      const header = words[first + at]!;
      const span = tlvWords(header);
      if (span === 0 || span > length - at) return NO_LAYOUT;
      headers.push(at, header);
      at += span;
      // Our own local attributes are the last ones.
      if (tlvType(header) < WIRE_ATTRIBUTES) onWire = at;
    }
    if (headers.length === 0) return NO_LAYOUT;
    const number = ++this.known;
    place.push(new Layout(number, length, new Signature(headers)));
    this.keyLayouts[number] = this.keyer.keyLayoutOf(words, first, first + length);
    this.wireSizes[number] = onWire << 2;
    return number;
  }
}
