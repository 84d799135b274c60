/** A distribution since the start, as the JSON form of the statistics has it. */
export interface HistogramStatistics {
  /** Upper bounds, ascending; and how many values were not above each. */
  readonly buckets: readonly (readonly [bound: number, count: number])[];
  readonly count: number;
  readonly sum: number;
}

/** Counts values by upper bounds. Recording one makes no object. */
export class Histogram {
  private readonly bounds: readonly number[];
  /** By bound, the last for what is above all bounds. */
  private readonly counts: Float64Array;
  private sum = 0;

  /** @param bounds ascending */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  record(value: number): void {
    const { bounds } = this;
    let at = 0;
    while (at < bounds.length && value > bounds[at]!) at++;
    this.counts[at]!++;
    this.sum += value;
  }

  get statistics(): HistogramStatistics {
    let count = 0;
    const buckets = this.bounds.map((bound, at) => {
      count += this.counts[at]!;
      return [bound, count] as const;
    });
    return { buckets, count: count + this.counts[this.bounds.length]!, sum: this.sum };
  }
}
