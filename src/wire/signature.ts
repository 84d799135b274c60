/** Words compared in one turn of the loop, because a turn costs the runtime as much as several comparisons. */
const UNROLLED = 8;

/** Words at fixed offsets that tell messages, or records, of one layout from all others of their size. */
export class Signature {
  /** Pairs of an offset in words and the word there; a multiple of {@link UNROLLED} of them. */
  private readonly pairs: Int32Array;

  /** @param pairs of an offset in words and the word that must be there; at least one */
  constructor(pairs: readonly number[]) {
    const full = [...pairs];
    while (full.length % (2 * UNROLLED) !== 0) full.push(...full.slice(-2));
    this.pairs = Int32Array.from(full);
  }

  /** Whether what begins at the word `at` has all of them. */
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
