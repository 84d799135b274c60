import { tlvType, tlvWords } from '../wire/attribute.ts';
import { FLOW_ATTRIBUTES } from '../wire/flow-attributes.ts';
import { type Layout, LayoutCache } from '../wire/layout-cache.ts';
import { Signature } from '../wire/signature.ts';
import type { Keyer } from './key.ts';

/** Stands for no layout. */
export const NO_LAYOUT = 0;
/** Highest layout number: a row has one byte for it. */
const LAYOUT_MAX = 255;
/** Maximum number of layouts known per record size. */
const WAYS = 4;

/**
 * The layouts of a table's records: which attributes of which sizes they have. The table computes what
 * follows from a layout once, and stores the layout's number, from 1 to {@link LAYOUT_MAX}, with each record
 * that has it.
 */
export class RecordLayouts {
  private readonly keyer: Keyer;
  private readonly cache: LayoutCache<number>;
  private readonly keyLayouts = new Uint8Array(LAYOUT_MAX + 1);
  private readonly wireSizes = new Uint16Array(LAYOUT_MAX + 1);
  private numbers = 0;

  /** @param enabled false: every record counts as having no known layout */
  constructor(keyer: Keyer, enabled = true) {
    this.keyer = keyer;
    this.cache = new LayoutCache((words, start, end) => this.describe(words, start >> 2, end >> 2), {
      ways: WAYS,
      enabled,
    });
  }

  /** The number of a record's layout, or {@link NO_LAYOUT} if that is not known. */
  numberOf(words: Int32Array, start: number, end: number): number {
    if (words.length === 0 || ((start | end) & 3) !== 0) return NO_LAYOUT;
    return this.cache.find(words, start, end) ?? this.cache.learn(words, start, end) ?? NO_LAYOUT;
  }

  /** The keyer's key layout for this layout. */
  keyLayoutOf(layout: number): number {
    return this.keyLayouts[layout]!;
  }

  /** Bytes of a record that go on the wire. The layout must be known. */
  wireSizeOf(layout: number): number {
    return this.wireSizes[layout]!;
  }

  /** Forgets all layouts. No stored record may still refer to one. */
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
      // This program's local attributes come last.
      if (tlvType(header) < FLOW_ATTRIBUTES.wireTypes) onWire = at;
    }
    if (headers.length === 0) return undefined;
    const number = ++this.numbers;
    this.keyLayouts[number] = this.keyer.keyLayoutOf(words, first, end);
    this.wireSizes[number] = onWire << 2;
    return { signature: new Signature(headers), value: number };
  }
}
