import { assert } from '../bytes/assert.ts';
import { copyBytes } from '../bytes/copy.ts';

/** Bytes of the first chunk, and of each later one. */
const FIRST_CHUNK = 1 << 14;
const CHUNK = 1 << 20;
/** Each record is preceded by its size, in one word. */
const HEADER = 4;

class Chunk {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Int32Array;
  /** Offset after the last record. */
  end = 0;
  next: Chunk | undefined = undefined;

  constructor(size: number) {
    this.bytes = new Uint8Array(new ArrayBuffer(size));
    this.words = new Int32Array(this.bytes.buffer);
  }
}

/** A queue of record copies, first in, first out. */
export class RecordLog {
  private oldestChunk = new Chunk(FIRST_CHUNK);
  private newestChunk = this.oldestChunk;
  /** Offset of the oldest record in its chunk. */
  private begin = 0;

  /** Appends a copy of `bytes[start, start + size)`. Returns the copy's offset in {@link newest}. */
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

  /** The memory that holds the record appended last. */
  get newest(): Uint8Array {
    return this.newestChunk.bytes;
  }

  /**
   * Moves the oldest record to the start of `to`; `toWords` is the same memory as words. Returns its size, 0
   * if the log is empty.
   */
  take(to: Uint8Array, toWords: Int32Array): number {
    const chunk = this.oldestChunk;
    if (chunk.end === 0) return 0;
    const size = chunk.words[this.begin >> 2]!;
    const at = this.begin + HEADER;
    assert(size > 0 && at + size <= chunk.end, 'a record of the log exceeds its chunk');
    copyBytes(chunk.bytes, chunk.words, at, size, to, toWords, 0);
    this.begin = (at + size + 3) & ~3;
    if (this.begin === chunk.end) {
      // Reuses the last chunk: allocating one for each record that comes and goes would dominate the cost.
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
