import { tlvType, tlvWords } from '../wire/attribute.ts';
import { FLOW_ATTRIBUTES } from '../wire/flow-attributes.ts';
import { type Layout, LayoutCache } from '../wire/layout-cache.ts';
import { Signature } from '../wire/signature.ts';
import type { Keyer } from './key.ts';

/** The number of no layout. */
export const NO_LAYOUT = 0;
/** The greatest number of a layout: it has a byte of a row. */
const LAYOUT_MAX = 255;
/** Layouts known of records of one size. */
const WAYS = 4;

/**
 * The layouts of the records of a table: what attributes of what sizes they have. What follows from a layout is found out
 * once, and the layout's number, from 1 to {@link LAYOUT_MAX}, is kept beside each record that has it.
 */
export class RecordLayouts {
  private readonly keyer: Keyer;
  private readonly cache: LayoutCache<number>;
  private readonly keyLayouts = new Uint8Array(LAYOUT_MAX + 1);
  private readonly wireSizes = new Uint16Array(LAYOUT_MAX + 1);
  private numbers = 0;

  /** @param enabled false: no record has a layout that is known */
  constructor(keyer: Keyer, enabled = true) {
    this.keyer = keyer;
    this.cache = new LayoutCache((words, start, end) => this.describe(words, start >> 2, end >> 2), {
      ways: WAYS,
      enabled,
    });
  }

  /** How many layouts were learnt since the beginning. */
  get learnt(): number {
    return this.cache.learnt;
  }

  /** The number of the layout that a record has, or {@link NO_LAYOUT} if it is not one of those that are known. */
  numberOf(words: Int32Array, start: number, end: number): number {
    if (words.length === 0 || ((start | end) & 3) !== 0) return NO_LAYOUT;
    return this.cache.find(words, start, end) ?? this.cache.learn(words, start, end) ?? NO_LAYOUT;
  }

  /** What the keyer knows of a record by its layout. */
  keyLayoutOf(layout: number): number {
    return this.keyLayouts[layout]!;
  }

  /** Bytes of a record that go on the wire. The layout must be known. */
  wireSizeOf(layout: number): number {
    return this.wireSizes[layout]!;
  }

  /** Forgets all layouts. No record may be left that has one. */
  clear(): void {
    this.cache.clear();
    this.numbers = 0;
  }

  private describe(words: Int32Array, first: number, end: number): Layout<number> | undefined {
    if (this.numbers === LAYOUT_MAX) return undefined;
    const length = end - first;
    const headers: number[] = [];
    let onWire = 0;
    for (let at = 0; at < length; ) {
      const header = words[first + at]!;
      const span = tlvWords(header);
      if (span === 0 || span > length - at) return undefined;
      headers.push(at, header);
      at += span;
      // Our own local attributes are the last ones.
      if (tlvType(header) < FLOW_ATTRIBUTES.wireTypes) onWire = at;
    }
    if (headers.length === 0) return undefined;
    const number = ++this.numbers;
    this.keyLayouts[number] = this.keyer.keyLayoutOf(words, first, end);
    this.wireSizes[number] = onWire << 2;
    return { signature: new Signature(headers), value: number };
  }
}
