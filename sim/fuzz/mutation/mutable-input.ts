import { LITTLE_ENDIAN } from '../../../src/bytes/endian.ts';
import type { Random } from '../../random.ts';
import { INPUT_MAX } from '../input.ts';

/** Parts of an input that are found at most. */
export const PARTS_MAX = 512;

/** An input that is being changed: bytes that can be put, cut and inserted. Allocates nothing after its construction. */
export class MutableInput {
  /** The input is the first {@link length} bytes. */
  readonly bytes: Uint8Array;
  length = 0;
  /** Where the parts of the input are that were looked for last. */
  readonly parts = new Int32Array(PARTS_MAX + 1);
  /** Room to prepare what is inserted. */
  readonly spare = new Uint8Array(INPUT_MAX);

  /** @param memory holds the input, where another thread is to see it */
  constructor(memory: ArrayBufferLike) {
    this.bytes = new Uint8Array(memory, 0, INPUT_MAX);
  }

  load(input: Uint8Array): void {
    this.length = Math.min(input.length, INPUT_MAX);
    const { bytes, length } = this;
    for (let at = 0; at < length; at++) bytes[at] = input[at]!;
  }

  /** 16 bits in this machine's byte order. */
  native16(at: number): number {
    const { bytes } = this;
    return LITTLE_ENDIAN ? bytes[at]! | (bytes[at + 1]! << 8) : (bytes[at]! << 8) | bytes[at + 1]!;
  }

  putNative16(at: number, value: number): void {
    if (LITTLE_ENDIAN) this.put16(at, ((value & 0xff) << 8) | ((value >> 8) & 0xff));
    else this.put16(at, value);
  }

  /** Puts 16 bits in network byte order; nothing outside the input. */
  put16(at: number, value: number): void {
    if (at < 0 || at + 2 > this.length) return;
    this.bytes[at] = value >> 8;
    this.bytes[at + 1] = value;
  }

  put32(at: number, value: number): void {
    this.put16(at, value >>> 16);
    this.put16(at + 2, value);
  }

  cut(at: number, size: number): void {
    const end = Math.min(this.length, at + size);
    if (end <= at) return;
    this.bytes.copyWithin(at, end, this.length);
    this.length -= end - at;
  }

  insert(at: number, piece: Uint8Array): void {
    this.insertFrom(at, piece, 0, piece.length);
  }

  insertFrom(at: number, from: Uint8Array, start: number, size: number): void {
    const fits = Math.min(size, INPUT_MAX - this.length, from.length - start);
    if (fits <= 0 || at > this.length) return;
    for (let n = 0; n < fits; n++) this.spare[n] = from[start + n]!;
    this.bytes.copyWithin(at + fits, at, this.length);
    for (let n = 0; n < fits; n++) this.bytes[at + n] = this.spare[n]!;
    this.length += fits;
  }

  insertRandom(random: Random, at: number, size: number): void {
    const { spare } = this;
    for (let n = 0; n < size; n++) spare[n] = random.u32();
    this.insertFrom(Math.min(at, this.length), spare, 0, size);
  }

  append(other: Uint8Array): void {
    this.insertFrom(this.length, other, 0, other.length);
  }

  /** The input again and again, up to so many bytes. */
  repeat(limit: number): void {
    const { bytes, length } = this;
    if (length === 0) return;
    const total = Math.min(limit, length * Math.ceil(limit / length));
    for (let at = length; at < total; at++) bytes[at] = bytes[at - length]!;
    this.length = total;
  }
}
