/** Words copied per loop iteration. */
const TOGETHER = 8;

/**
 * Copies `from[fromAt, fromAt + size)` to `to` at `toAt`; the two must not overlap. If both offsets are
 * multiples of 4, as with records, copies by words, eight at a time: a loop iteration costs the runtime as
 * much as three words, because it may be interrupted there and must look up the arrays again.
 * @param fromWords the words of `from`, or `NO_WORDS`
 * @param toWords those of `to`
 */
export function copyBytes(
  from: Uint8Array,
  fromWords: Int32Array,
  fromAt: number,
  size: number,
  to: Uint8Array,
  toWords: Int32Array,
  toAt: number,
): void {
  let n = 0;
  if (((fromAt | toAt) & 3) === 0 && fromWords.length !== 0 && toWords.length !== 0) {
    const words = size >> 2;
    const first = fromAt >> 2;
    const there = toAt >> 2;
    let word = 0;
    for (; word + TOGETHER <= words; word += TOGETHER) {
      copyEight(fromWords, first + word, toWords, there + word);
    }
    if (words >= TOGETHER) {
      // Copies some of the last eight words twice rather than the rest one by one.
      if (word < words) copyEight(fromWords, first + words - TOGETHER, toWords, there + words - TOGETHER);
    } else {
      for (; word < words; word++) toWords[there + word] = fromWords[first + word]!;
    }
    n = words << 2;
  }
  for (; n < size; n++) to[toAt + n] = from[fromAt + n]!;
}

function copyEight(from: Int32Array, at: number, to: Int32Array, there: number): void {
  to[there] = from[at]!;
  to[there + 1] = from[at + 1]!;
  to[there + 2] = from[at + 2]!;
  to[there + 3] = from[at + 3]!;
  to[there + 4] = from[at + 4]!;
  to[there + 5] = from[at + 5]!;
  to[there + 6] = from[at + 6]!;
  to[there + 7] = from[at + 7]!;
}
