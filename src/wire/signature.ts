/**
 * Words compared per loop iteration, because an iteration costs the runtime as much as several comparisons.
 */
const UNROLLED = 8;

/**
 * Words at fixed offsets that distinguish messages or records of one layout from all others of the same
 * size.
 */
export class Signature {
  /** Pairs of an offset in words and the word at it, padded to a multiple of {@link UNROLLED} pairs. */
  private readonly pairs: Int32Array;

  /** @param pairs of an offset in words and the word that must be there; at least one pair */
  constructor(pairs: readonly number[]) {
    const full = [...pairs];
    while (full.length % (2 * UNROLLED) !== 0) full.push(...full.slice(-2));
    this.pairs = Int32Array.from(full);
  }

  /** Whether the words from `at` on match all pairs. */
  matches(words: Int32Array, at: number): boolean {
    const { pairs } = this;
    for (let n = 0; n < pairs.length; n += 2 * UNROLLED) {
      const differences =
        (words[at + pairs[n]!]! ^ pairs[n + 1]!) |
        (words[at + pairs[n + 2]!]! ^ pairs[n + 3]!) |
        (words[at + pairs[n + 4]!]! ^ pairs[n + 5]!) |
        (words[at + pairs[n + 6]!]! ^ pairs[n + 7]!) |
        (words[at + pairs[n + 8]!]! ^ pairs[n + 9]!) |
        (words[at + pairs[n + 10]!]! ^ pairs[n + 11]!) |
        (words[at + pairs[n + 12]!]! ^ pairs[n + 13]!) |
        (words[at + pairs[n + 14]!]! ^ pairs[n + 15]!);
      if (differences !== 0) return false;
    }
    return true;
  }
}
