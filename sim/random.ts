/**
 * Reproducible random numbers (sfc32): the same seed gives the same numbers on every machine. A consumer has a sequence of
 * its own, so that what one leaves out does not shift the numbers of the others.
 */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  private constructor(a: number, b: number, c: number) {
    this.a = a | 0;
    this.b = b | 0;
    this.c = c | 0;
    for (let n = 0; n < 12; n++) this.u32();
  }

  /**
   * A sequence for one purpose of a seed.
   * @param seed a whole number of up to 53 bits
   * @param purpose gives another sequence of the same seed
   */
  static forPurpose(seed: number, purpose: string): Random {
    return new Random(seed, Math.floor(seed / 0x1_0000_0000), hashOf(purpose));
  }

  /**
   * A numbered sequence of a seed.
   * @param seed 32 bits
   * @param stream 32 bits; gives another sequence of the same seed
   */
  static forStream(seed: number, stream = 0): Random {
    return new Random(0x9e3779b9, seed, stream);
  }

  u32(): number {
    const sum = (((this.a + this.b) | 0) + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A number from 0 to below 1. */
  fraction(): number {
    return this.u32() / 0x1_0000_0000;
  }

  /** A whole number from 0 to below `limit`, which is at most 2^32. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit);
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True with this probability, from 0 to 1. Draws nothing for 0. */
  chance(probability: number): boolean {
    return probability > 0 && this.fraction() < probability;
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  /** An exponentially distributed number with this mean: the time between events that happen at random. */
  exponential(mean: number): number {
    return -mean * Math.log(1 - this.fraction());
  }

  pick<T>(choices: ArrayLike<T>): T {
    return choices[this.below(choices.length)]!;
  }
}

/** FNV-1a */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let n = 0; n < text.length; n++) hash = Math.imul(hash ^ text.charCodeAt(n), 0x01000193);
  return hash;
}
