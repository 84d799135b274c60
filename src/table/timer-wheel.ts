/** No bucket, no slot. */
const NONE = 0xffff_ffff;

/**
 * A timer for each slot of a table, at the cost of a few numbers: a ring of buckets, one a tick, each a chain of slots.
 * Setting, moving and ending a timer take the same time however many there are.
 */
export class TimerWheel {
  private readonly heads: Uint32Array;
  private next = new Uint32Array(0);
  private prev = new Uint32Array(0);
  /** The bucket of each slot, NONE without a timer. */
  private buckets = new Uint32Array(0);
  private dueTicks = new Float64Array(0);
  private now: number;
  private count = 0;

  /**
   * @param horizon ticks that a timer runs at most
   * @param tick the time now
   */
  constructor(horizon: number, tick: number) {
    this.heads = new Uint32Array(horizon + 1).fill(NONE);
    this.now = tick;
  }

  /** The last tick that {@link expire} has seen. */
  get tick(): number {
    return this.now;
  }

  /** Timers that run. */
  get size(): number {
    return this.count;
  }

  /** Sets or moves the timer of a slot, to run out `ticks` from now, at least one and at most the horizon. */
  set(slot: number, ticks: number): void {
    if (slot >= this.buckets.length) this.grow(slot + 1);
    this.end(slot);
    const due = this.now + Math.min(Math.max(1, ticks), this.heads.length - 1);
    const bucket = due % this.heads.length;
    const first = this.heads[bucket]!;
    this.next[slot] = first;
    this.prev[slot] = NONE;
    if (first !== NONE) this.prev[first] = slot;
    this.heads[bucket] = slot;
    this.buckets[slot] = bucket;
    this.dueTicks[slot] = due;
    this.count++;
  }

  /** Ends the timer of a slot, if it runs. */
  end(slot: number): void {
    const bucket = this.buckets[slot] ?? NONE;
    if (bucket === NONE) return;
    const next = this.next[slot]!;
    const prev = this.prev[slot]!;
    if (prev === NONE) this.heads[bucket] = next;
    else this.next[prev] = next;
    if (next !== NONE) this.prev[next] = prev;
    this.buckets[slot] = NONE;
    this.count--;
  }

  /** Ticks until the timer of a slot runs out, undefined if none runs. */
  left(slot: number): number | undefined {
    if ((this.buckets[slot] ?? NONE) === NONE) return undefined;
    return Math.max(0, this.dueTicks[slot]! - this.now);
  }

  /**
   * Lets the time be `tick` and gives `expired` every slot whose timer has run out, in order of ticks; after a sleep
   * longer than the horizon, in any order. `expired` may set timers: they run from the tick that is dealt with.
   */
  expire(tick: number, expired: (slot: number) => void): void {
    if (this.count === 0) {
      this.now = Math.max(this.now, tick);
      return;
    }
    // After a long sleep one round finds everything.
    if (tick - this.now > this.heads.length) this.now = tick - this.heads.length;
    while (this.now < tick) {
      const bucket = ++this.now % this.heads.length;
      for (let slot = this.heads[bucket]!; slot !== NONE; slot = this.heads[bucket]!) {
        this.end(slot);
        expired(slot);
      }
    }
  }

  /** Ends all timers. */
  clear(): void {
    this.heads.fill(NONE);
    this.buckets.fill(NONE);
    this.count = 0;
  }

  private grow(needed: number): void {
    const size = Math.max(needed, 2 * this.buckets.length, 1024);
    const buckets = new Uint32Array(size).fill(NONE);
    const next = new Uint32Array(size);
    const prev = new Uint32Array(size);
    const dueTicks = new Float64Array(size);
    buckets.set(this.buckets);
    next.set(this.next);
    prev.set(this.prev);
    dueTicks.set(this.dueTicks);
    this.buckets = buckets;
    this.next = next;
    this.prev = prev;
    this.dueTicks = dueTicks;
  }
}
