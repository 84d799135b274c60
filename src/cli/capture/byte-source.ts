/** Bytes of a stream, taken in pieces of a wanted size whatever the size of the chunks they came in. */
export class ByteSource {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private chunk: Uint8Array = new Uint8Array(0);
  private at = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next `size` bytes, or as many as there are until the end. They are valid until the next call. */
  async take(size: number): Promise<Uint8Array> {
    if (this.chunk.length - this.at >= size) {
      this.at += size;
      return this.chunk.subarray(this.at - size, this.at);
    }
    const parts: Uint8Array[] = [];
    let missing = size;
    while (missing > 0 && (this.at < this.chunk.length || (await this.more()))) {
      const part = this.chunk.subarray(this.at, this.at + missing);
      parts.push(part);
      this.at += part.length;
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** Skips `size` bytes; false if the stream ends before. */
  async skip(size: number): Promise<boolean> {
    let missing = size;
    while (missing > 0 && (this.at < this.chunk.length || (await this.more()))) {
      const step = Math.min(missing, this.chunk.length - this.at);
      this.at += step;
      missing -= step;
    }
    return missing === 0;
  }

  private async more(): Promise<boolean> {
    const { done, value } = await this.chunks.next();
    if (done) return false;
    this.chunk = value;
    this.at = 0;
    return true;
  }
}
