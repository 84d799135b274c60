import { networkWord } from '../bytes/endian.ts';
import { tlvType, tlvWords } from './attribute.ts';
import { LayoutCache } from './layout-cache.ts';
import { Signature } from './signature.ts';

/** Which bits of the last word of an attribute with a value of `size` bytes are padding. */
export function paddingOf(size: number): number {
  return size % 4 === 0 ? 0 : networkWord(0xffff_ffff >>> (8 * (size % 4)));
}

/** The attributes of a record, in order, whatever their values are. */
class Layout {
  /** Bytes of a record. */
  readonly size: number;
  private readonly headers: Signature;
  /** Pairs of a place in words, and the bits there that are padding. */
  private readonly paddings: Int32Array;

  /** @param valueSize sizes in bytes by type */
  constructor(words: Int32Array, start: number, end: number, valueSize: Int16Array) {
    const headers: number[] = [];
    const paddings: number[] = [];
    const first = start >> 2;
    for (let at = first; at < end >> 2; ) {
      const header = words[at]!;
      headers.push(at - first, header);
      at += tlvWords(header);
      const padding = paddingOf(valueSize[tlvType(header)]!);
      if (padding !== 0) paddings.push(at - 1 - first, padding);
    }
    this.size = end - start;
    this.headers = new Signature(headers);
    this.paddings = Int32Array.from(paddings);
  }

  isOf(words: Int32Array, at: number): boolean {
    const { paddings } = this;
    if (!this.headers.matches(words, at)) return false;
    let padding = 0;
    for (let n = 0; n < paddings.length; n += 2) padding |= words[at + paddings[n]!]! & paddings[n + 1]!;
    return padding === 0;
  }
}

/**
 * The layouts of the records that come: nearly all flows are told of in records of a few layouts, and to see that a record
 * has one of them costs less than to take it apart.
 */
export class Layouts {
  private readonly valueSize: Int16Array;
  private readonly known = new LayoutCache<Layout>();

  /** @param valueSize sizes in bytes by type */
  constructor(valueSize: Int16Array) {
    this.valueSize = valueSize;
  }

  /** True if the record in `words`, from the byte `start` to `end`, has the layout of one that was noted. */
  has(words: Int32Array, start: number, end: number): boolean {
    const layout = this.known.at(end - start);
    return layout !== undefined && layout.size === end - start && layout.isOf(words, start >> 2);
  }

  /** Notes the layout of a plain record that {@link has} does not know, once enough of its size were not known. */
  note(words: Int32Array, start: number, end: number): void {
    const size = end - start;
    if (this.known.isDue(size)) this.known.learn(size, new Layout(words, start, end, this.valueSize));
  }
}
