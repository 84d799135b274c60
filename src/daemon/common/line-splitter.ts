/** Cuts a stream of bytes into lines, and forgets a line that grows too long. */
export class LineSplitter {
  /** Lines given up because they were longer than the limit. */
  overlong = 0;
  private readonly limit: number;
  private rest = '';
  private isSkipping = false;

  /** @param limit bytes of a line at most, its end not counted */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** The lines that `chunk` completes, without their ends; each byte is one character. */
  push(chunk: Uint8Array): string[] {
    const pieces = (this.rest + Buffer.from(chunk).toString('latin1')).split('\n');
    this.rest = pieces.pop()!;
    const lines: string[] = [];
    for (const piece of pieces) {
      if (this.isSkipping) this.isSkipping = false;
      else if (piece.length > this.limit) this.overlong++;
      else lines.push(piece);
    }
    if (this.rest.length > this.limit) {
      if (!this.isSkipping) this.overlong++;
      this.isSkipping = true;
    }
    if (this.isSkipping) this.rest = '';
    return lines;
  }
}
