/**
 * The hash of a C node's caches: Bob Jenkins's lookup2 over 32-bit words, in the form that Linux used to have. It
 * decides the order in which a cache is sent and committed, which is by bucket.
 */

const GOLDEN_RATIO = 0x9e3779b9 | 0;

const state = new Int32Array(3);

function mix(): void {
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  a = ((a - b - c) | 0) ^ (c >>> 13);
  b = ((b - c - a) | 0) ^ (a << 8);
  c = ((c - a - b) | 0) ^ (b >>> 13);
  a = ((a - b - c) | 0) ^ (c >>> 12);
  b = ((b - c - a) | 0) ^ (a << 16);
  c = ((c - a - b) | 0) ^ (b >>> 5);
  a = ((a - b - c) | 0) ^ (c >>> 3);
  b = ((b - c - a) | 0) ^ (a << 10);
  c = ((c - a - b) | 0) ^ (b >>> 15);
  state[0] = a;
  state[1] = b;
  state[2] = c;
}

/** The hash of `words[0, count)`, unsigned. */
export function lookup2(words: Int32Array, count: number): number {
  state[0] = GOLDEN_RATIO;
  state[1] = GOLDEN_RATIO;
  state[2] = 0;
  let at = 0;
  for (; count - at >= 3; at += 3) {
    for (let n = 0; n < 3; n++) state[n] = state[n]! + words[at + n]!;
    mix();
  }
  state[2] = state[2]! + 4 * count;
  for (let n = 0; n < count - at; n++) state[n] = state[n]! + words[at + n]!;
  mix();
  return state[2]! >>> 0;
}

/** The bucket of a hash, below `buckets`. */
export function bucketOf(hash: number, buckets: number): number {
  return Math.floor((hash * buckets) / 2 ** 32);
}
