/** What tells whether two tables have the same keys. */
export interface Digest {
  /** The sum of a number for each key, so that order is no matter; 32 bits, unsigned. */
  readonly sum: number;
  readonly count: number;
}
