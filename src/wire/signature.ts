/** Marks looked at in one turn of the loop, which costs the runtime as much as several of them. */
const TOGETHER = 8;

/** Words that must stand at certain places: what tells messages, or records, of one layout from all others of their size. */
export class Signature {
  /** Pairs of a place and a word; {@link TOGETHER} at a time. */
  private readonly pairs: Int32Array;

  /** @param pairs of a place in words and the word that must stand there; at least one */
  constructor(pairs: readonly number[]) {
    const full = [...pairs];
    while (full.length % (2 * TOGETHER) !== 0) full.push(...full.slice(-2));
    this.pairs = Int32Array.from(full);
  }

  /** True if they stand in what begins at the word `at`. */
  matches(words: Int32Array, at: number): boolean {
    const { pairs } = this;
    for (let n = 0; n < pairs.length; n += 2 * TOGETHER) {
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
