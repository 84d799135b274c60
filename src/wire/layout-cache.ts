import type { Signature } from './signature.ts';

/** The sizes that share a bucket differ by a multiple of so many words. */
const BUCKETS = 64;
/** A full bucket learns another layout after so many lookups that found nothing there. */
const PATIENCE = 64;

/** What there is to know of a layout: how to tell it, and whatever follows from it. */
export interface Layout<T> {
  readonly signature: Signature;
  readonly value: T;
}

/** Takes apart what lies in `words` from the byte `start` to `end`; undefined if its layout is not worth knowing. */
export type LearnLayout<T> = (words: Int32Array, start: number, end: number) => Layout<T> | undefined;

class Entry<T> {
  /** Bytes of a message or record. */
  readonly size: number;
  readonly signature: Signature;
  readonly value: T;

  constructor(size: number, { signature, value }: Layout<T>) {
    this.size = size;
    this.signature = signature;
    this.value = value;
  }
}

export interface LayoutCacheOptions {
  /** Layouts that a bucket holds. */
  readonly ways?: number;
  /** False: nothing is ever learnt, so that everything goes the slow way. */
  readonly enabled?: boolean;
}

/**
 * What is known of the layouts of messages or records, by their size in bytes. Nearly all have one of a few layouts: to
 * recognize one costs less than to take the message apart.
 *
 * A bucket with room learns what it does not know at once. A full one, or one that met a layout not worth knowing, learns
 * after {@link PATIENCE} more misses, in the place of what it learnt first.
 */
export class LayoutCache<T> {
  private readonly learnLayout: LearnLayout<T>;
  private readonly ways: number;
  private readonly enabled: boolean;
  private readonly buckets: Entry<T>[][] = Array.from({ length: BUCKETS }, () => []);
  private readonly patience = new Int32Array(BUCKETS);
  private learntSoFar = 0;

  constructor(learnLayout: LearnLayout<T>, { ways = 1, enabled = true }: LayoutCacheOptions = {}) {
    this.learnLayout = learnLayout;
    this.ways = ways;
    this.enabled = enabled;
  }

  /** How many layouts were learnt since the beginning, forgotten ones included. */
  get learnt(): number {
    return this.learntSoFar;
  }

  /** What is known of the layout of what lies in `words` from the byte `start`, a multiple of 4, to `end`. */
  find(words: Int32Array, start: number, end: number): T | undefined {
    const size = end - start;
    const bucket = this.buckets[bucketOf(size)]!;
    for (let way = 0; way < bucket.length; way++) {
      const entry = bucket[way]!;
      if (entry.size === size && entry.signature.matches(words, start >> 2)) return entry.value;
    }
    return undefined;
  }

  /** Learns the layout of what {@link find} has just not found, if it is time to. Returns what is known of it then. */
  learn(words: Int32Array, start: number, end: number): T | undefined {
    if (!this.enabled) return undefined;
    const size = end - start;
    const number = bucketOf(size);
    if (this.patience[number]! > 0) {
      this.patience[number]!--;
      return undefined;
    }
    const layout = this.learnLayout(words, start, end);
    if (layout === undefined) {
      this.patience[number] = PATIENCE;
      return undefined;
    }
    const bucket = this.buckets[number]!;
    if (bucket.length === this.ways) bucket.shift();
    bucket.push(new Entry(size, layout));
    if (bucket.length === this.ways) this.patience[number] = PATIENCE;
    this.learntSoFar++;
    return layout.value;
  }

  /** Forgets all layouts. */
  clear(): void {
    for (const bucket of this.buckets) bucket.length = 0;
    this.patience.fill(0);
  }
}

function bucketOf(size: number): number {
  return (size >> 2) & (BUCKETS - 1);
}
