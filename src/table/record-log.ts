import { assert } from '../bytes/assert.ts';
import { copyBytes } from '../bytes/copy.ts';

/** Bytes of the first chunk, and of each later one. */
const FIRST_CHUNK = 1 << 14;
const CHUNK = 1 << 20;
/** Each record is preceded by its size, in one word; by the negative of it where it is left out. */
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

/** Bytes that a record of this size takes in a chunk. */
function spaceOf(size: number): number {
  return (HEADER + size + 3) & ~3;
}

/**
 * A queue of record copies, first in, first out. Each is first read where it is, and then taken out, unless its reader leaves it out.
 */
export class RecordLog {
  private oldestChunk = new Chunk(FIRST_CHUNK);
  private newestChunk = this.oldestChunk;
  /** Offset of the oldest record in its chunk. */
  private begin = 0;
  /** Where the next record to be read is. */
  private readChunk = this.oldestChunk;
  private readNext = 0;
  /** Records that have not been read. */
  unread = 0;
  /** The record that {@link read} read last: `bytes[start, end)`, valid until the next call of any method. */
  bytes: Uint8Array = this.oldestChunk.bytes;
  words: Int32Array = this.oldestChunk.words;
  start = 0;
  end = 0;

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
    chunk.end += spaceOf(size);
    this.unread++;
    return at;
  }

  /** The memory that holds the record appended last. */
  get newest(): Uint8Array {
    return this.newestChunk.bytes;
  }

  /** Reads the next record. @throws RangeError if all were read */
  read(): void {
    if (this.unread === 0) throw new RangeError('no record to read');
    if (this.readNext === this.readChunk.end) {
      this.readChunk = this.readChunk.next!;
      this.readNext = 0;
    }
    const { bytes, words } = this.readChunk;
    const size = words[this.readNext >> 2]!;
    this.bytes = bytes;
    this.words = words;
    this.start = this.readNext + HEADER;
    this.end = this.start + size;
    assert(size > 0 && this.end <= this.readChunk.end, 'a record of the log exceeds its chunk');
    this.readNext += spaceOf(size);
    this.unread--;
  }

  /** Leaves out the record that was read last: {@link take} will not give it. */
  leaveOut(): void {
    this.words[(this.start - HEADER) >> 2] = this.start - this.end;
    this.skip();
  }

  /**
   * Moves the oldest record that was read to the start of `to`; `toWords` is the same memory as words. Returns its size, 0
   * if there is none.
   */
  take(to: Uint8Array, toWords: Int32Array): number {
    this.skip();
    if (this.isAllTaken) return 0;
    const { bytes, words } = this.oldestChunk;
    const size = words[this.begin >> 2]!;
    const at = this.begin + HEADER;
    assert(size > 0 && at + size <= this.oldestChunk.end, 'a record of the log exceeds its chunk');
    copyBytes(bytes, words, at, size, to, toWords, 0);
    this.removeOldest(size);
    return size;
  }

  /** Removes all records that were read. */
  forgetRead(): void {
    while (!this.isAllTaken) this.removeOldest(Math.abs(this.oldestChunk.words[this.begin >> 2]!));
  }

  /** Whether all that were read are gone. */
  private get isAllTaken(): boolean {
    return this.oldestChunk === this.readChunk && this.begin === this.readNext;
  }

  /** Removes those left out up to the oldest one that may be taken. */
  private skip(): void {
    while (!this.isAllTaken) {
      const size = this.oldestChunk.words[this.begin >> 2]!;
      if (size > 0) return;
      this.removeOldest(-size);
    }
  }

  private removeOldest(size: number): void {
    const chunk = this.oldestChunk;
    this.begin += spaceOf(size);
    if (this.begin !== chunk.end) return;
    const isRead = this.readChunk === chunk;
    // Reuses the last chunk: allocating one for each record that comes and goes would dominate the cost.
    if (chunk.next === undefined) chunk.end = 0;
    else this.oldestChunk = chunk.next;
    this.begin = 0;
    if (isRead) {
      this.readChunk = this.oldestChunk;
      this.readNext = 0;
    }
  }

  clear(): void {
    this.oldestChunk = new Chunk(FIRST_CHUNK);
    this.newestChunk = this.oldestChunk;
    this.begin = 0;
    this.readChunk = this.oldestChunk;
    this.readNext = 0;
    this.unread = 0;
  }
}
