/** Line starts that are remembered of a direction: a segment that is sent again begins at an older one. */
const REMEMBERED = 2;

/** Where lines begin in one direction of a TCP connection: sequence numbers, u32. */
export class LineStarts {
  private readonly sequences: number[] = [];

  /** True if nothing is known yet: the connection was taken over from another node, or from a daemon before this one. */
  get isEmpty(): boolean {
    return this.sequences.length === 0;
  }

  includes(sequence: number): boolean {
    return this.sequences.includes(sequence);
  }

  add(sequence: number): void {
    const { sequences } = this;
    if (sequences.includes(sequence)) return;
    if (sequences.length < REMEMBERED) {
      sequences.push(sequence);
      return;
    }
    const [first, second] = sequences as [number, number];
    const oldest = isBefore(first, second) ? 0 : 1;
    if (isBefore(sequences[oldest]!, sequence)) sequences[oldest] = sequence;
  }
}

/** Comparison modulo 2^32, RFC 9293 3.4. */
function isBefore(a: number, b: number): boolean {
  return ((a - b) | 0) < 0;
}
