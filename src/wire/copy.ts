/** The memory of arrays that were copied from or to, as words of this machine. */
const views = new WeakMap<Uint8Array, Int32Array>();
let source: Uint8Array = new Uint8Array(0);
let sourceWords: Int32Array = new Int32Array(0);
let target = source;
let targetWords = sourceWords;

function wordsOf(bytes: Uint8Array): Int32Array {
  let words = views.get(bytes);
  if (words === undefined) {
    words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
    views.set(bytes, words);
  }
  return words;
}

/**
 * Copies `from[fromAt, fromAt + size)` to `to` at `toAt`; they must not overlap. Four bytes at a time where both ends
 * begin at a multiple of 4, as records do: to copy a byte takes the runtime some 24 instructions, and so does a word.
 */
export function copyBytes(
  from: Uint8Array,
  fromAt: number,
  size: number,
  to: Uint8Array,
  toAt: number,
): void {
  let n = 0;
  if (((fromAt | toAt | from.byteOffset | to.byteOffset) & 3) === 0) {
    if (from !== source) {
      sourceWords = wordsOf(from);
      source = from;
    }
    if (to !== target) {
      targetWords = wordsOf(to);
      target = to;
    }
    const words = size >> 2;
    const first = fromAt >> 2;
    const there = toAt >> 2;
    for (let word = 0; word < words; word++) targetWords[there + word] = sourceWords[first + word]!;
    n = words << 2;
  }
  for (; n < size; n++) to[toAt + n] = from[fromAt + n]!;
}
