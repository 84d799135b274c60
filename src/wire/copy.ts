/**
 * Copies `from[fromAt, fromAt + size)` to `to` at `toAt`; they must not overlap. By words where both ends begin at a
 * multiple of 4, as records do.
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
    for (let word = 0; word < words; word++) toWords[there + word] = fromWords[first + word]!;
    n = words << 2;
  }
  for (; n < size; n++) to[toAt + n] = from[fromAt + n]!;
}
