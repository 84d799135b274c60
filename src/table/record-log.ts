import { copyBytes } from '../bytes/copy.ts';

/** Bytes of the first chunk, and of each of the others. */
const FIRST_CHUNK = 1 << 14;
const CHUNK = 1 << 20;
/** Before each record stands its size, in a word of this machine. */
const HEADER = 4;

class Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Int32Array;
  /** Behind the last record. */
  end = 0;
  next: Chunk | undefined = undefined;

  constructor(size: number) {
    this.bytes = new Uint8Array(new ArrayBuffer(size));
    this.words = new Int32Array(this.bytes.buffer);
  }
}

/** Copies of records in the order in which they came, until they are taken. */
export class RecordLog {
  private oldestChunk = new Chunk(FIRST_CHUNK);
  private newestChunk = this.oldestChunk;
  /** Where the oldest record is in its chunk. */
  private begin = 0;

  /** Adds `bytes[start, start + size)`. Its copy begins at the offset returned in {@link newest}. */
  add(bytes: Uint8Array, words: Int32Array, start: number, size: number): number {
    let chunk = this.newestChunk;
    if (chunk.end + HEADER + size > chunk.bytes.length) {
      chunk.next = new Chunk(CHUNK);
      chunk = chunk.next;
      this.newestChunk = chunk;
    }
    chunk.words[chunk.end >> 2] = size;
    const at = chunk.end + HEADER;
    copyBytes(bytes, words, start, size, chunk.bytes, chunk.words, at);
    chunk.end = (at + size + 3) & ~3;
    return at;
  }

  /** Where the record is that was added last. */
  get newest(): Uint8Array {
    return this.newestChunk.bytes;
  }

  /** Takes the oldest record, to the beginning of `to`, whose words are `toWords`. Returns its size, 0 if there is none. */
  take(to: Uint8Array, toWords: Int32Array): number {
    const chunk = this.oldestChunk;
    if (chunk.end === 0) return 0;
    const size = chunk.words[this.begin >> 2]!;
    const at = this.begin + HEADER;
    copyBytes(chunk.bytes, chunk.words, at, size, to, toWords, 0);
    this.begin = (at + size + 3) & ~3;
    if (this.begin === chunk.end) {
      // The last one is used again: to get another for each record that comes and goes would be most of its cost.
      if (chunk.next === undefined) chunk.end = 0;
      else this.oldestChunk = chunk.next;
      this.begin = 0;
    }
    return size;
  }

  clear(): void {
    this.oldestChunk = new Chunk(FIRST_CHUNK);
    this.newestChunk = this.oldestChunk;
    this.begin = 0;
  }
}
