import { LITTLE_ENDIAN } from '../../src/bytes/endian.ts';
import type { Random } from '../random.ts';
import { type Grammar, INPUT_MAX } from './input.ts';

/** Where an input's parts are. */
const PARTS_MAX = 512;

const INTERESTING = [
  0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 13, 15, 16, 17, 32, 33, 34, 127, 128, 254, 255,
] as const;
const INTERESTING_16 = [0, 1, 3, 4, 5, 6, 7, 8, 9, 12, 15, 16, 17, 20, 33, 34, 255, 256, 1024, 1028] as const;
const INTERESTING_32 = [0, 1, 0x7fff_ffff, 0x8000_0000, 0x8000_0001, 0xffff_fffe, 0xffff_ffff] as const;

// biome-ignore format: a list of words
const WORDS = [
  '{', '}', '#', '\n', ' ', '"', 'on', 'off', '/', '0', '1', '-1', '65536', '4294967296', '99999999999', '::',
  '10.0.0.0/33', 'General', 'Sync', 'Stats', 'Mode', 'UDP', 'TCP', 'Multicast', 'Filter', 'Default', '--json', '-s',
  '\u0000', '\u2028', '\ud800',
].map((word) => new TextEncoder().encode(word));

/** Changes inputs, on a seed. No memory is allocated for a mutation. */
export class Mutator {
  /** The mutated input, {@link length} bytes; valid until the next. */
  readonly bytes: Uint8Array;
  length = 0;
  private readonly random: Random;
  private readonly parts = new Int32Array(PARTS_MAX + 1);
  private readonly spare = new Uint8Array(INPUT_MAX);

  /** @param memory holds the mutated input, where another thread is to see it */
  constructor(random: Random, memory: ArrayBufferLike = new ArrayBuffer(INPUT_MAX)) {
    this.random = random;
    this.bytes = new Uint8Array(memory, 0, INPUT_MAX);
  }

  /** Takes one of the inputs and changes it, most often in one to three places. */
  next(grammar: Grammar, pool: readonly Uint8Array[]): void {
    const { random } = this;
    this.load(random.pick(pool));
    if (random.oneIn(64)) return;
    do this.change(grammar, pool);
    while (random.below(5) < 2);
  }

  private load(input: Uint8Array): void {
    this.length = Math.min(input.length, INPUT_MAX);
    const { bytes, length } = this;
    for (let at = 0; at < length; at++) bytes[at] = input[at]!;
  }

  private change(grammar: Grammar, pool: readonly Uint8Array[]): void {
    const { random } = this;
    switch (grammar) {
      case 'attributes':
        if (random.below(8) > 0) this.changeAttributes(0, this.length);
        else this.changeBytes(pool);
        break;
      case 'datagram':
        if (random.below(8) > 0) this.changeMessages(pool);
        else this.changeBytes(pool);
        break;
      case 'netlink':
        if (random.below(6) > 0) this.changeNetlink();
        else this.changeBytes(pool);
        break;
      case 'pieces':
        if (random.below(2) > 0) this.changePieces(pool);
        else this.changeBytes(pool);
        break;
      case 'text':
        if (random.below(2) > 0) this.insert(random.below(this.length + 1), random.pick(WORDS));
        else this.changeBytes(pool);
        break;
      case 'bytes':
        this.changeBytes(pool);
    }
  }

  /** Changes that know nothing of what the bytes mean. */
  private changeBytes(pool: readonly Uint8Array[]): void {
    const { random, bytes, length } = this;
    const at = random.below(Math.max(1, length));
    switch (random.below(12)) {
      case 0:
        bytes[at]! ^= 1 << random.below(8);
        break;
      case 1:
        bytes[at] = random.u32();
        break;
      case 2:
        bytes[at] = random.pick(INTERESTING);
        break;
      case 3:
        this.put16(at & ~1, random.pick(INTERESTING_16));
        break;
      case 4:
        this.put32(at & ~3, random.oneIn(3) ? random.u32() : random.pick(INTERESTING_32));
        break;
      case 5:
        this.length = random.below(length + 1);
        break;
      case 6:
        this.cut(at, 1 + random.below(8));
        break;
      case 7: {
        const size = Math.min(length - at, 1 + random.below(random.oneIn(8) ? 1024 : 64));
        if (size > 0) this.insertFrom(random.below(length + 1), bytes, at, size);
        break;
      }
      case 8: {
        const other = random.pick(pool);
        const from = random.below(Math.max(1, other.length));
        const size = Math.min(other.length - from, random.below(64));
        for (let n = 0; n < size && at + n < length; n++) bytes[at + n] = other[from + n]!;
        break;
      }
      case 9:
        this.append(random.pick(pool));
        break;
      case 10: {
        const size = 1 + random.below(16);
        const value = random.oneIn(2) ? 0 : random.u32();
        for (let n = 0; n < size && at + n < length; n++) bytes[at + n] = value;
        break;
      }
      default:
        // Oversize now and then: what is long is slow to try.
        if (random.oneIn(200)) this.repeat(INPUT_MAX);
        else this.insertRandom(at, 1 + random.below(9));
    }
    if (this.length > length) this.fillNew(length);
  }

  private fillNew(from: number): void {
    if (this.random.oneIn(4))
      for (let at = from; at < this.length; at += 7) this.bytes[at] = this.random.u32();
  }

  /** Changes one attribute in `[start, end)`. Returns by how many bytes the input grew. */
  private changeAttributes(start: number, end: number): number {
    const { random, bytes } = this;
    const before = this.length;
    const count = this.findAttributes(start, end);
    if (count === 0) {
      this.insertAttribute(start);
      return this.length - before;
    }
    const n = random.below(count);
    const at = this.parts[n]!;
    const length = (bytes[at]! << 8) | bytes[at + 1]!;
    const next = n + 1 < count ? this.parts[n + 1]! : end;
    switch (random.below(13)) {
      case 0:
        this.put16(at, length + random.pick([-4, -1, 1, 4]));
        break;
      case 1:
        this.put16(at, random.oneIn(2) ? random.pick(INTERESTING_16) : end - at + random.below(9) - 4);
        break;
      case 2:
        this.put16(at + 2, random.below(36));
        break;
      case 3:
        this.put16(at + 2, random.oneIn(2) ? random.pick(INTERESTING_16) : random.below(0x1_0000));
        break;
      case 4:
        if (length > 4) bytes[at + 4 + random.below(Math.min(length - 4, end - at - 4))] = random.u32();
        break;
      case 5:
        // No NUL, no zero padding.
        for (let to = at + 4; to < next; to++) if (bytes[to] === 0) bytes[to] = 1 + random.below(255);
        break;
      case 6:
        for (let to = at + length; to < next; to++) bytes[to] = random.u32();
        break;
      case 7:
        this.insertFrom(random.oneIn(2) ? next : this.parts[random.below(count)]!, bytes, at, next - at);
        break;
      case 8:
        this.cut(at, next - at);
        break;
      case 9:
      case 10:
        this.insertAttribute(random.oneIn(2) ? next : at);
        break;
      case 11: {
        // One behind the other, the other way round.
        const size = next - at;
        this.insertFrom(end, bytes, at, size);
        this.cut(at, size);
        break;
      }
      default:
        // Nothing but zeros, or a text that ends at once.
        bytes.fill(0, Math.min(at + 4, next), next);
    }
    return this.length - before;
  }

  private findAttributes(start: number, end: number): number {
    const { bytes, parts } = this;
    let count = 0;
    for (let at = start; end - at >= 4 && count < PARTS_MAX; ) {
      parts[count++] = at;
      const length = (bytes[at]! << 8) | bytes[at + 1]!;
      if (length < 4) break;
      at += (length + 3) & ~3;
    }
    return count;
  }

  /** A fresh attribute of some type, with a value of mostly the right size for it. */
  private insertAttribute(at: number): void {
    const { random, spare } = this;
    const type = random.below(34);
    let size = random.pick(SIZES);
    if (random.below(4) > 0) size = type < VALUE_SIZES.length ? VALUE_SIZES[type]! : 4;
    if (random.oneIn(8)) size = Math.max(0, size + random.below(3) - 1);
    const length = 4 + size;
    spare[0] = length >> 8;
    spare[1] = length;
    spare[2] = 0;
    spare[3] = type;
    const padded = (length + 3) & ~3;
    const plain = random.oneIn(2);
    for (let n = 4; n < padded; n++) spare[n] = n >= length - 1 ? 0 : plain ? 0x61 : random.u32();
    this.insertFrom(at, spare, 0, padded);
  }

  private changeMessages(pool: readonly Uint8Array[]): void {
    const { random, bytes } = this;
    const count = this.findMessages();
    if (count === 0) {
      this.append(random.pick(pool));
      return;
    }
    const n = random.below(count);
    const at = this.parts[n]!;
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    const next = n + 1 < count ? this.parts[n + 1]! : this.length;
    switch (random.below(14)) {
      case 0:
        bytes[at] = 0x10 | random.pick([0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 15]);
        break;
      case 1:
        bytes[at] = random.u32();
        break;
      case 2:
        bytes[at + 1] = random.oneIn(2) ? 1 << random.below(8) : random.u32();
        break;
      case 3:
        this.put16(at + 2, length + random.pick([-8, -4, -1, 1, 4, 8]));
        break;
      case 4:
        this.put16(
          at + 2,
          random.oneIn(2) ? random.pick(INTERESTING_16) : this.length - at + random.below(3) - 1,
        );
        break;
      case 5:
        this.put32(at + 4, random.oneIn(2) ? random.u32() : random.pick(INTERESTING_32));
        break;
      case 6:
        if (next - at >= 16) {
          const from = random.u32();
          this.put32(at + 8, from);
          this.put32(at + 12, from + random.pick([0, 1, 300, 0x7fff_ffff, -1, 0x8000_0000]));
        }
        break;
      case 7:
        this.append(random.pick(pool));
        break;
      case 8:
        this.insertFrom(next, bytes, at, Math.max(0, next - at));
        break;
      case 9:
        this.cut(at, next - at);
        break;
      default: {
        const grown = this.changeAttributes(Math.min(at + 8, next), next);
        if (random.below(10) > 0) this.put16(at + 2, Math.max(8, next + grown - at));
      }
    }
  }

  private findMessages(): number {
    const { bytes, parts, length: end } = this;
    let count = 0;
    for (let at = 0; end - at >= 8 && count < PARTS_MAX; ) {
      parts[count++] = at;
      const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
      if (length < 8) break;
      at += length;
    }
    return count;
  }

  /** One attribute of a netlink message, at any depth: its headers are in this machine's byte order. */
  private changeNetlink(): void {
    const { random, bytes } = this;
    const count = this.findNested();
    if (count === 0) {
      this.insertRandom(this.length, 4);
      return;
    }
    const at = this.parts[random.below(count)]!;
    const length = this.native16(at);
    const padded = (length + 3) & ~3;
    switch (random.below(13)) {
      case 11:
        this.shrinkNested(count, at, length);
        break;
      case 12:
        this.moveToEnd(at);
        break;
      case 0:
        this.putNative16(at, length + random.pick([-4, -2, -1, 1, 4]));
        break;
      case 1:
        this.putNative16(at, random.pick(INTERESTING_16));
        break;
      case 2:
        this.putNative16(at + 2, random.below(28) | (random.oneIn(3) ? 0x8000 : 0));
        break;
      case 3:
        this.putNative16(at, 4);
        break;
      case 4:
        if (length > 4) bytes[at + 4 + random.below(length - 4)] = random.u32();
        break;
      case 5:
        // What was in it is lost to it, and follows it.
        this.putNative16(at, 4 + random.below(Math.max(1, length - 4)));
        break;
      case 6:
        this.insertFrom(at, bytes, at, Math.min(padded, this.length - at));
        break;
      case 7:
        this.growAround(count, at, length, -padded);
        this.cut(at, padded);
        break;
      case 8:
        // The message ends in the middle of it.
        this.length = Math.min(this.length, at + random.below(padded + 1));
        break;
      case 9:
        this.length = Math.min(this.length, at + 4);
        this.putNative16(at, 4);
        break;
      default:
        if (this.length > 16) bytes[16] = random.pick([0, 2, 10, random.below(256)]);
    }
  }

  /** An attribute loses the end of its value, or all of it, and those around it know. */
  private shrinkNested(count: number, at: number, length: number): void {
    const keep = this.random.oneIn(2) ? 4 : this.random.between(4, length);
    const loss = ((length + 3) & ~3) - ((keep + 3) & ~3);
    this.growAround(count, at, length, -loss);
    this.putNative16(at, keep);
    this.cut(at + ((keep + 3) & ~3), loss);
  }

  /** What is around the attribute at `at` is so many bytes longer. */
  private growAround(count: number, at: number, length: number, bytes: number): void {
    for (let n = 0; n < count; n++) {
      const outer = this.parts[n]!;
      const size = this.native16(outer);
      if (outer < at && outer + size >= at + length) this.putNative16(outer, size + bytes);
    }
  }

  /** The outermost attribute around `inner` becomes the last of the message. */
  private moveToEnd(inner: number): void {
    for (let at = 20; this.length - at >= 4; ) {
      const size = (this.native16(at) + 3) & ~3;
      if (size < 4 || at + size > this.length) return;
      if (inner < at + size) {
        this.insertFrom(this.length, this.bytes, at, size);
        this.cut(at, size);
        return;
      }
      at += size;
    }
  }

  private native16(at: number): number {
    const { bytes } = this;
    return LITTLE_ENDIAN ? bytes[at]! | (bytes[at + 1]! << 8) : (bytes[at]! << 8) | bytes[at + 1]!;
  }

  private putNative16(at: number, value: number): void {
    if (LITTLE_ENDIAN) this.put16(at, ((value & 0xff) << 8) | ((value >> 8) & 0xff));
    else this.put16(at, value);
  }

  private findNested(): number {
    const { parts, length: end } = this;
    let count = 0;
    // Every multiple of 4 that may be an attribute is one; what is none is mutated for nothing.
    for (let at = 20; end - at >= 4 && count < PARTS_MAX; at += 4) {
      const length = this.native16(at);
      if (length >= 4 && length <= end - at) parts[count++] = at;
    }
    return count;
  }

  private changePieces(pool: readonly Uint8Array[]): void {
    const { random, bytes } = this;
    const count = this.findPieces();
    if (count === 0) {
      this.append(random.pick(pool));
      return;
    }
    const n = random.below(count);
    const at = this.parts[n]!;
    const next = n + 1 < count ? this.parts[n + 1]! : this.length;
    switch (random.below(6)) {
      case 0:
        bytes[at] = random.below(8);
        break;
      case 1:
        bytes[at + 1] = random.u32();
        break;
      case 2:
        this.cut(at, next - at);
        break;
      case 3:
        this.insertFrom(this.parts[random.below(count)]!, bytes, at, next - at);
        break;
      case 4:
        this.append(random.pick(pool));
        break;
      default:
        if (next > at + 4) bytes[at + 4 + random.below(next - at - 4)] = random.u32();
    }
  }

  private findPieces(): number {
    const { bytes, parts, length: end } = this;
    let count = 0;
    for (let at = 0; end - at >= 4 && count < PARTS_MAX; ) {
      parts[count++] = at;
      at += 4 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
    }
    return count;
  }

  private put16(at: number, value: number): void {
    if (at < 0 || at + 2 > this.length) return;
    this.bytes[at] = value >> 8;
    this.bytes[at + 1] = value;
  }

  private put32(at: number, value: number): void {
    this.put16(at, value >>> 16);
    this.put16(at + 2, value);
  }

  private cut(at: number, size: number): void {
    const end = Math.min(this.length, at + size);
    if (end <= at) return;
    this.bytes.copyWithin(at, end, this.length);
    this.length -= end - at;
  }

  private insert(at: number, piece: Uint8Array): void {
    this.insertFrom(at, piece, 0, piece.length);
  }

  private insertFrom(at: number, from: Uint8Array, start: number, size: number): void {
    const fits = Math.min(size, INPUT_MAX - this.length, from.length - start);
    if (fits <= 0 || at > this.length) return;
    for (let n = 0; n < fits; n++) this.spare[n] = from[start + n]!;
    this.bytes.copyWithin(at + fits, at, this.length);
    for (let n = 0; n < fits; n++) this.bytes[at + n] = this.spare[n]!;
    this.length += fits;
  }

  private insertRandom(at: number, size: number): void {
    const { random, spare } = this;
    for (let n = 0; n < size; n++) spare[n] = random.u32();
    this.insertFrom(Math.min(at, this.length), spare, 0, size);
  }

  private append(other: Uint8Array): void {
    this.insertFrom(this.length, other, 0, other.length);
  }

  /** The input again and again, up to so many bytes. */
  private repeat(limit: number): void {
    const { bytes, length } = this;
    if (length === 0) return;
    const total = Math.min(limit, length * Math.ceil(limit / length));
    for (let at = length; at < total; at++) bytes[at] = bytes[at - length]!;
    this.length = total;
  }
}

const SIZES: readonly number[] = [0, 1, 2, 4, 8, 12, 16, 24, 28, 32, 64, 1024, 1028];
/** What a flow's attributes have, by type; an expectation's differ, and are hit less often. */
const VALUE_SIZES = [
  8, 32, 1, 4, 1, 4, 4, 4, 8, 32, 1, 4, 4, 4, 2, 2, 24, 1, 4, 4, 1, 1, 1, 1, 2, 1, 1, 12, 16, 16, 16, 12, 2,
  4,
];
