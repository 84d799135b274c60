/** Line starts that are remembered of a direction: a segment that is sent again begins at an older one. */
const REMEMBERED = 2;

/** Where lines begin in one direction of a TCP connection: sequence numbers, u32. */
export class LineStarts {
  private readonly sequences: number[] = [];

  /**
   * True if a line is known to begin at `sequence`. Nothing is known of a connection that was taken over from another node;
   * its first segment counts as the beginning of a line, as with the kernel's own helper.
   */
  includes(sequence: number): boolean {
    return this.sequences.length === 0 || this.sequences.includes(sequence);
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
