/**
 * Memory as words of this machine. Reading or copying a byte costs the runtime as much as a word, so data
 * that starts at a multiple of 4, as messages and records do, is handled four bytes at a time.
 */

/** Stands for the words of bytes that do not start at a multiple of 4. */
export const NO_WORDS: Int32Array = new Int32Array(0);

/**
 * The memory of `bytes` as words, without an incomplete last one.
 * @throws RangeError if `bytes` does not start at a multiple of 4
 */
export function alignedWordsOf(bytes: Uint8Array): Int32Array {
  if ((bytes.byteOffset & 3) !== 0) throw new RangeError('bytes that do not begin at a multiple of 4');
  return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
}

const views = new WeakMap<Uint8Array, Int32Array>();

/**
 * The memory of `bytes` as words, without an incomplete last one, or {@link NO_WORDS}. The same array always
 * gives the same words.
 */
export function wordsOf(bytes: Uint8Array): Int32Array {
  let words = views.get(bytes);
  if (words === undefined) {
    const aligned = (bytes.byteOffset & 3) === 0;
    words = aligned ? new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2) : NO_WORDS;
    views.set(bytes, words);
  }
  return words;
}

/** {@link wordsOf} for a caller that usually passes the same array: looks it up only when it changes. */
export class WordsCache {
  private readonly enabled: boolean;
  private bytes: Uint8Array = new Uint8Array(0);
  private words = NO_WORDS;

  /** @param enabled false: always {@link NO_WORDS}, so that callers read and copy byte by byte */
  constructor(enabled = true) {
    this.enabled = enabled;
  }

  of(bytes: Uint8Array): Int32Array {
    if (bytes !== this.bytes) {
      this.words = this.enabled ? wordsOf(bytes) : NO_WORDS;
      this.bytes = bytes;
    }
    return this.words;
  }
}
