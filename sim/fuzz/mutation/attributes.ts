import type { Random } from '../../random.ts';
import { INTERESTING_16 } from './interesting.ts';
import { type MutableInput, PARTS_MAX } from './mutable-input.ts';

const SIZES: readonly number[] = [0, 1, 2, 4, 8, 12, 16, 24, 28, 32, 64, 1024, 1028];
/** What a flow's attributes have, by type; an expectation's differ, and are hit less often. */
const VALUE_SIZES = [
  8, 32, 1, 4, 1, 4, 4, 4, 8, 32, 1, 4, 4, 4, 2, 2, 24, 1, 4, 4, 1, 1, 1, 1, 2, 1, 1, 12, 16, 16, 16, 12, 2,
  4,
];

/** Changes one attribute in `[start, end)`. Returns by how many bytes the input grew. */
export function changeAttributes(random: Random, input: MutableInput, start: number, end: number): number {
  const { bytes } = input;
  const before = input.length;
  const count = findAttributes(input, start, end);
  if (count === 0) {
    insertAttribute(random, input, start);
    return input.length - before;
  }
  const n = random.below(count);
  const at = input.parts[n]!;
  const length = (bytes[at]! << 8) | bytes[at + 1]!;
  const next = n + 1 < count ? input.parts[n + 1]! : end;
  switch (random.below(13)) {
    case 0:
      input.put16(at, length + random.pick([-4, -1, 1, 4]));
      break;
    case 1:
      input.put16(at, random.oneIn(2) ? random.pick(INTERESTING_16) : end - at + random.below(9) - 4);
      break;
    case 2:
      input.put16(at + 2, random.below(36));
      break;
    case 3:
      input.put16(at + 2, random.oneIn(2) ? random.pick(INTERESTING_16) : random.below(0x1_0000));
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
      input.insertFrom(random.oneIn(2) ? next : input.parts[random.below(count)]!, bytes, at, next - at);
      break;
    case 8:
      input.cut(at, next - at);
      break;
    case 9:
    case 10:
      insertAttribute(random, input, random.oneIn(2) ? next : at);
      break;
    case 11: {
      // One behind the other, the other way round.
      const size = next - at;
      input.insertFrom(end, bytes, at, size);
      input.cut(at, size);
      break;
    }
    default:
      // Nothing but zeros, or a text that ends at once.
      bytes.fill(0, Math.min(at + 4, next), next);
  }
  return input.length - before;
}

function findAttributes(input: MutableInput, start: number, end: number): number {
  const { bytes, parts } = input;
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
function insertAttribute(random: Random, input: MutableInput, at: number): void {
  const { spare } = input;
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
  input.insertFrom(at, spare, 0, padded);
}
