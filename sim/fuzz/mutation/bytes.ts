import type { Random } from '../../random.ts';
import { INPUT_MAX } from '../input.ts';
import { INTERESTING, INTERESTING_16, INTERESTING_32 } from './interesting.ts';
import type { MutableInput } from './mutable-input.ts';

/** Changes that know nothing of what the bytes mean. */
export function changeBytes(random: Random, input: MutableInput, pool: readonly Uint8Array[]): void {
  const { bytes, length } = input;
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
      input.put16(at & ~1, random.pick(INTERESTING_16));
      break;
    case 4:
      input.put32(at & ~3, random.oneIn(3) ? random.u32() : random.pick(INTERESTING_32));
      break;
    case 5:
      input.length = random.below(length + 1);
      break;
    case 6:
      input.cut(at, 1 + random.below(8));
      break;
    case 7: {
      const size = Math.min(length - at, 1 + random.below(random.oneIn(8) ? 1024 : 64));
      if (size > 0) input.insertFrom(random.below(length + 1), bytes, at, size);
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
      input.append(random.pick(pool));
      break;
    case 10: {
      const size = 1 + random.below(16);
      const value = random.oneIn(2) ? 0 : random.u32();
      for (let n = 0; n < size && at + n < length; n++) bytes[at + n] = value;
      break;
    }
    default:
      // Oversize now and then: what is long is slow to try.
      if (random.oneIn(200)) input.repeat(INPUT_MAX);
      else input.insertRandom(random, at, 1 + random.below(9));
  }
  if (input.length > length) fillNew(random, input, length);
}

function fillNew(random: Random, input: MutableInput, from: number): void {
  if (random.oneIn(4)) for (let at = from; at < input.length; at += 7) input.bytes[at] = random.u32();
}
