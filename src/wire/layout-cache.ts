import type { Signature } from './signature.ts';

/** Sizes whose word counts are equal modulo this share a bucket. */
const BUCKETS = 64;
/** A full bucket learns another layout after this many lookups without a match. */
const PATIENCE = 64;

/** A known layout: the signature that identifies it, and the data derived from it. */
export interface Layout<T> {
  readonly signature: Signature;
  readonly value: T;
}

/** Parses the bytes of `words` from `start` to `end`; undefined if their layout is not worth learning. */
export type LearnLayout<T> = (words: Int32Array, start: number, end: number) => Layout<T> | undefined;

class Entry<T> {
  /** Size of a message or record in bytes. */
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
  readonly ways?: number;
  /** False: learn nothing, so that callers always take the slow path. */
  readonly enabled?: boolean;
}

/**
 * Data about the layouts of messages or records, by their size in bytes. Nearly all of them have one of a
 * few layouts, and recognizing a layout costs less than parsing the bytes.
 *
 * A bucket with room learns an unknown layout immediately. A full bucket, or one that has met a layout not
 * worth learning, does so after {@link PATIENCE} more misses, and replaces the layout that it learnt first.
 */
export class LayoutCache<T> {
  private readonly learnLayout: LearnLayout<T>;
  private readonly ways: number;
  private readonly enabled: boolean;
  private readonly buckets: Entry<T>[][] = Array.from({ length: BUCKETS }, () => []);
  private readonly patience = new Int32Array(BUCKETS);

  constructor(learnLayout: LearnLayout<T>, { ways = 1, enabled = true }: LayoutCacheOptions = {}) {
    this.learnLayout = learnLayout;
    this.ways = ways;
    this.enabled = enabled;
  }

  /**
   * The data for the layout of the bytes of `words` from `start`, a multiple of 4, to `end`; undefined if it
   * is not known.
   */
  find(words: Int32Array, start: number, end: number): T | undefined {
    const size = end - start;
    const bucket = this.buckets[bucketOf(size)]!;
    for (let way = 0; way < bucket.length; way++) {
      const entry = bucket[way]!;
      if (entry.size === size && entry.signature.matches(words, start >> 2)) return entry.value;
    }
    return undefined;
  }

  /**
   * Learns the layout of what {@link find} has just failed to find, if it is time to. Returns the layout's
   * data if so.
   */
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
    return layout.value;
  }

  clear(): void {
    for (const bucket of this.buckets) bucket.length = 0;
    this.patience.fill(0);
  }
}

function bucketOf(size: number): number {
  return (size >> 2) & (BUCKETS - 1);
}
