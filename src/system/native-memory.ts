import { addressOf } from './native.ts';

/**
 * Memory that C reaches through a pointer, together with its address. Pointers that are stored in memory are invisible to the
 * garbage collector, and small typed arrays may lie in V8's heap, where they move: so whoever hands out the address keeps this
 * object, whose ArrayBuffer has memory of its own, for as long as C may follow it.
 *
 * koffi takes a number for an address in half of the time that a typed array takes it.
 */
export class NativeMemory {
  readonly bytes: Uint8Array;
  /** All of it in this machine's words, half words and pointers. */
  readonly words: Int32Array;
  readonly shorts: Uint16Array;
  readonly longs: BigUint64Array;
  /** Where it begins, for C. */
  readonly address: number;

  /** @param size bytes; rounded up to a multiple of 8 */
  constructor(size: number) {
    if (!Number.isInteger(size) || size < 1) throw new RangeError(`not a size of memory: ${size}`);
    const buffer = new ArrayBuffer((size + 7) & ~7);
    this.bytes = new Uint8Array(buffer);
    this.words = new Int32Array(buffer);
    this.shorts = new Uint16Array(buffer);
    this.longs = new BigUint64Array(buffer);
    this.address = addressOf(this.bytes);
  }

  /** Writes a pointer to the byte `to` of this memory at the byte `at`, a multiple of 8. */
  point(at: number, to: number): void {
    if (to < 0 || to >= this.bytes.length) throw new RangeError(`a pointer beyond the memory: ${to}`);
    this.longs[at >> 3] = BigInt(this.address + to);
  }
}
