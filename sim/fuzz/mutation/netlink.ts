import type { Random } from '../../random.ts';
import { INTERESTING_16 } from './interesting.ts';
import { type MutableInput, PARTS_MAX } from './mutable-input.ts';

/** One attribute of a netlink message, at any depth: its headers are in this machine's byte order. */
export function changeNetlink(random: Random, input: MutableInput): void {
  const { bytes } = input;
  const count = findNested(input);
  if (count === 0) {
    input.insertRandom(random, input.length, 4);
    return;
  }
  const at = input.parts[random.below(count)]!;
  const length = input.native16(at);
  const padded = (length + 3) & ~3;
  switch (random.below(13)) {
    case 11:
      shrinkNested(random, input, count, at, length);
      break;
    case 12:
      moveToEnd(input, at);
      break;
    case 0:
      input.putNative16(at, length + random.pick([-4, -2, -1, 1, 4]));
      break;
    case 1:
      input.putNative16(at, random.pick(INTERESTING_16));
      break;
    case 2:
      input.putNative16(at + 2, random.below(28) | (random.oneIn(3) ? 0x8000 : 0));
      break;
    case 3:
      input.putNative16(at, 4);
      break;
    case 4:
      if (length > 4) bytes[at + 4 + random.below(length - 4)] = random.u32();
      break;
    case 5:
      // What was in it is lost to it, and follows it.
      input.putNative16(at, 4 + random.below(Math.max(1, length - 4)));
      break;
    case 6:
      input.insertFrom(at, bytes, at, Math.min(padded, input.length - at));
      break;
    case 7:
      growAround(input, count, at, length, -padded);
      input.cut(at, padded);
      break;
    case 8:
      // The message ends in the middle of it.
      input.length = Math.min(input.length, at + random.below(padded + 1));
      break;
    case 9:
      input.length = Math.min(input.length, at + 4);
      input.putNative16(at, 4);
      break;
    default:
      if (input.length > 16) bytes[16] = random.pick([0, 2, 10, random.below(256)]);
  }
}

/** An attribute loses the end of its value, or all of it, and those around it know. */
function shrinkNested(random: Random, input: MutableInput, count: number, at: number, length: number): void {
  const keep = random.oneIn(2) ? 4 : random.between(4, length);
  const loss = ((length + 3) & ~3) - ((keep + 3) & ~3);
  growAround(input, count, at, length, -loss);
  input.putNative16(at, keep);
  input.cut(at + ((keep + 3) & ~3), loss);
}

/** What is around the attribute at `at` is so many bytes longer. */
function growAround(input: MutableInput, count: number, at: number, length: number, bytes: number): void {
  for (let n = 0; n < count; n++) {
    const outer = input.parts[n]!;
    const size = input.native16(outer);
    if (outer < at && outer + size >= at + length) input.putNative16(outer, size + bytes);
  }
}

/** The outermost attribute around `inner` becomes the last of the message. */
function moveToEnd(input: MutableInput, inner: number): void {
  for (let at = 20; input.length - at >= 4; ) {
    const size = (input.native16(at) + 3) & ~3;
    if (size < 4 || at + size > input.length) return;
    if (inner < at + size) {
      input.insertFrom(input.length, input.bytes, at, size);
      input.cut(at, size);
      return;
    }
    at += size;
  }
}

function findNested(input: MutableInput): number {
  const { parts, length: end } = input;
  let count = 0;
  // Every multiple of 4 that may be an attribute is one; what is none is mutated for nothing.
  for (let at = 20; end - at >= 4 && count < PARTS_MAX; at += 4) {
    const length = input.native16(at);
    if (length >= 4 && length <= end - at) parts[count++] = at;
  }
  return count;
}
