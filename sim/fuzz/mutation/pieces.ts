import type { Random } from '../../random.ts';
import { type MutableInput, PARTS_MAX } from './mutable-input.ts';

/** Changes one piece of an input, or adds some. */
export function changePieces(random: Random, input: MutableInput, pool: readonly Uint8Array[]): void {
  const { bytes } = input;
  const count = findPieces(input);
  if (count === 0) {
    input.append(random.pick(pool));
    return;
  }
  const n = random.below(count);
  const at = input.parts[n]!;
  const next = n + 1 < count ? input.parts[n + 1]! : input.length;
  switch (random.below(6)) {
    case 0:
      bytes[at] = random.below(8);
      break;
    case 1:
      bytes[at + 1] = random.u32();
      break;
    case 2:
      input.cut(at, next - at);
      break;
    case 3:
      input.insertFrom(input.parts[random.below(count)]!, bytes, at, next - at);
      break;
    case 4:
      input.append(random.pick(pool));
      break;
    default:
      if (next > at + 4) bytes[at + 4 + random.below(next - at - 4)] = random.u32();
  }
}

function findPieces(input: MutableInput): number {
  const { bytes, parts, length: end } = input;
  let count = 0;
  for (let at = 0; end - at >= 4 && count < PARTS_MAX; ) {
    parts[count++] = at;
    at += 4 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
  }
  return count;
}
