/** Numbers on a seed (sfc32): the same seed gives the same numbers on every machine. */
export class Random {
  private a = 0x9e3779b9;
  private b: number;
  private c: number;
  private counter = 1;

  /** @param stream tells apart generators of one seed; both count as 32 bits */
  constructor(seed: number, stream = 0) {
    this.b = seed | 0;
    this.c = stream | 0;
    for (let n = 0; n < 12; n++) this.u32();
  }

  u32(): number {
    const sum = (this.a + this.b + this.counter++) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + sum) | 0;
    return sum >>> 0;
  }

  /** A number from 0 to below `bound`, which is at most 2^32. */
  below(bound: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * bound);
  }

  /** A number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(choices: ArrayLike<T>): T {
    return choices[this.below(choices.length)]!;
  }
}
