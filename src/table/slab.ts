import { assert } from '../bytes/assert.ts';

/**
 * Memory for records, in chunks of 1 MiB that never move. A *ref*, an unsigned 32-bit number, identifies a
 * block by its chunk and its offset there in units of 8 bytes; 0 is no block.
 *
 * Free blocks of one size are chained through their first 4 bytes, so a table in steady state allocates
 * nothing.
 */
const UNIT_SHIFT = 3;
const CHUNK_SHIFT = 20;
const UNITS_SHIFT = CHUNK_SHIFT - UNIT_SHIFT;
const CHUNK_SIZE = 1 << CHUNK_SHIFT;
const CHUNK_UNITS = 1 << UNITS_SHIFT;

/** Maximum size of a block in bytes. */
export const BLOCK_MAX = 4096;

/** Number of chunks that a ref can address: 32 GiB in all. */
const CHUNKS_MAX = 1 << (32 - UNITS_SHIFT);

export class Slab {
  private readonly chunks: Uint8Array[] = [];
  private readonly words: Int32Array[] = [];
  /** First free block by size in units. */
  private readonly free = new Uint32Array((BLOCK_MAX >> UNIT_SHIFT) + 1);
  /** The chunk that new blocks come from, and its first unit that was never allocated. */
  private chunk = -1;
  private fresh = CHUNK_UNITS;

  /** Bytes allocated from the runtime. */
  get size(): number {
    return this.chunks.length * CHUNK_SIZE;
  }

  /**
   * Allocates a block of at least `size` bytes.
   * @throws RangeError if `size` exceeds {@link BLOCK_MAX}, or the slab is full at 32 GiB
   */
  allocate(size: number): number {
    if (size > BLOCK_MAX) throw new RangeError(`a block of ${size} bytes is larger than ${BLOCK_MAX}`);
    assert(size > 0, 'a block has no bytes');
    const units = (size + 7) >> UNIT_SHIFT;
    const ref = this.free[units]!;
    if (ref !== 0) {
      assert(ref >>> UNITS_SHIFT <= this.chunk, 'a free block lies behind the chunks in use');
      this.free[units] = this.words[ref >>> UNITS_SHIFT]![this.wordOf(ref)]!;
      return ref;
    }
    if (this.fresh + units > CHUNK_UNITS) this.nextChunk();
    const taken = ((this.chunk << UNITS_SHIFT) | this.fresh) >>> 0;
    this.fresh += units;
    return taken;
  }

  /** Frees the block that was allocated with this size in bytes. */
  release(ref: number, size: number): void {
    const units = (size + 7) >> UNIT_SHIFT;
    assert(ref !== 0 && ref !== this.free[units], 'no block is freed, or one is freed twice');
    this.words[ref >>> UNITS_SHIFT]![this.wordOf(ref)] = this.free[units]!;
    this.free[units] = ref;
  }

  /** True if a block of `from` bytes has room for `to` bytes and is no larger than a new one would be. */
  fits(from: number, to: number): boolean {
    return (from + 7) >> UNIT_SHIFT === (to + 7) >> UNIT_SHIFT;
  }

  /** The chunk that holds the block. */
  chunkOf(ref: number): Uint8Array {
    return this.chunks[ref >>> UNITS_SHIFT]!;
  }

  /** Offset of the block in its chunk, a multiple of 8. */
  offsetOf(ref: number): number {
    return (ref & (CHUNK_UNITS - 1)) << UNIT_SHIFT;
  }

  /** The chunk that holds the block, as words of this machine. */
  wordsOf(ref: number): Int32Array {
    return this.words[ref >>> UNITS_SHIFT]!;
  }

  /** Position of the block's first word in {@link wordsOf}. */
  wordOf(ref: number): number {
    return (ref & (CHUNK_UNITS - 1)) << (UNIT_SHIFT - 2);
  }

  /**
   * Frees all blocks. Keeps the memory: allocating as much again would cost the runtime a full garbage
   * collection.
   */
  clear(): void {
    this.free.fill(0);
    this.chunk = -1;
    this.fresh = CHUNK_UNITS;
  }

  private nextChunk(): void {
    const next = this.chunk + 1;
    if (next === CHUNKS_MAX) throw new RangeError('the slab is full');
    const left = CHUNK_UNITS - this.fresh;
    if (left > 0) this.release(((this.chunk << UNITS_SHIFT) | this.fresh) >>> 0, left << UNIT_SHIFT);
    if (next === this.chunks.length) {
      const bytes = new Uint8Array(CHUNK_SIZE);
      this.chunks.push(bytes);
      this.words.push(new Int32Array(bytes.buffer));
    }
    this.chunk = next;
    // Skips unit 0 of chunk 0, which would have ref 0.
    this.fresh = next === 0 ? 1 : 0;
  }
}
