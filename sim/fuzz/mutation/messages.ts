import type { Random } from '../../random.ts';
import { changeAttributes } from './attributes.ts';
import { INTERESTING_16, INTERESTING_32 } from './interesting.ts';
import { type MutableInput, PARTS_MAX } from './mutable-input.ts';

/** Changes one message of a datagram, or adds one. */
export function changeMessages(random: Random, input: MutableInput, pool: readonly Uint8Array[]): void {
  const { bytes } = input;
  const count = findMessages(input);
  if (count === 0) {
    input.append(random.pick(pool));
    return;
  }
  const n = random.below(count);
  const at = input.parts[n]!;
  const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
  const next = n + 1 < count ? input.parts[n + 1]! : input.length;
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
      input.put16(at + 2, length + random.pick([-8, -4, -1, 1, 4, 8]));
      break;
    case 4:
      input.put16(
        at + 2,
        random.oneIn(2) ? random.pick(INTERESTING_16) : input.length - at + random.below(3) - 1,
      );
      break;
    case 5:
      input.put32(at + 4, random.oneIn(2) ? random.u32() : random.pick(INTERESTING_32));
      break;
    case 6:
      if (next - at >= 16) {
        const from = random.u32();
        input.put32(at + 8, from);
        input.put32(at + 12, from + random.pick([0, 1, 300, 0x7fff_ffff, -1, 0x8000_0000]));
      }
      break;
    case 7:
      input.append(random.pick(pool));
      break;
    case 8:
      input.insertFrom(next, bytes, at, Math.max(0, next - at));
      break;
    case 9:
      input.cut(at, next - at);
      break;
    default: {
      const grown = changeAttributes(random, input, Math.min(at + 8, next), next);
      if (random.below(10) > 0) input.put16(at + 2, Math.max(8, next + grown - at));
    }
  }
}

function findMessages(input: MutableInput): number {
  const { bytes, parts, length: end } = input;
  let count = 0;
  for (let at = 0; end - at >= 8 && count < PARTS_MAX; ) {
    parts[count++] = at;
    const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    if (length < 8) break;
    at += length;
  }
  return count;
}
