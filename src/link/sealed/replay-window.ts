/** Counters behind the highest one that are still told apart. */
export const WINDOW_SIZE = 2048;

const BITS = 32;
/** One word more, so that the window's oldest word is never the newest one's. */
const WORDS = WINDOW_SIZE / BITS + 1;

/** Tells counters that were seen from new ones, as RFC 6479 has it: what is older than the window counts as seen. */
export class ReplayWindow {
  private highest: number;
  private readonly seen = new Uint32Array(WORDS);

  /** @param first the counter that the window begins with: it and all before it count as seen */
  constructor(first: number) {
    this.highest = first;
    this.seen.fill(0xffff_ffff);
    // Counters above the first one, in its own word.
    this.seen[wordOf(first)] = bitOf(first) * 2 - 1;
  }

  /** Whether the counter is new; {@link add} must follow only when the datagram proved to be genuine. */
  isNew(counter: number): boolean {
    if (counter > this.highest) return true;
    if (this.highest - counter >= WINDOW_SIZE) return false;
    return (this.seen[wordOf(counter)]! & bitOf(counter)) === 0;
  }

  /** Marks a new counter as seen. */
  add(counter: number): void {
    if (counter > this.highest) {
      const from = Math.floor(this.highest / BITS);
      const words = Math.min(Math.floor(counter / BITS) - from, WORDS);
      for (let n = 1; n <= words; n++) this.seen[(Math.floor(counter / BITS) - words + n) % WORDS] = 0;
      this.highest = counter;
    }
    this.seen[wordOf(counter)]! |= bitOf(counter);
  }
}

function wordOf(counter: number): number {
  return Math.floor(counter / BITS) % WORDS;
}

function bitOf(counter: number): number {
  return 2 ** (counter % BITS);
}
