import { assert } from '../bytes/assert.ts';

/** Stands for no bucket or no slot. */
const NONE = 0xffff_ffff;

/**
 * One timer per slot of a table, for a few numbers each: a ring of buckets, one per tick, each a chain of
 * slots. Setting, moving and stopping a timer take constant time.
 */
export class TimerWheel {
  private readonly heads: Uint32Array;
  private next = new Uint32Array(0);
  private prev = new Uint32Array(0);
  /** The bucket of each slot; NONE without a timer. */
  private buckets = new Uint32Array(0);
  private dueTicks = new Float64Array(0);
  private now: number;
  private count = 0;

  /**
   * @param horizon maximum duration of a timer in ticks
   * @param tick the current time
   */
  constructor(horizon: number, tick: number) {
    this.heads = new Uint32Array(horizon + 1).fill(NONE);
    this.now = tick;
  }

  /** The last tick that {@link expire} has processed. */
  get tick(): number {
    return this.now;
  }

  get size(): number {
    return this.count;
  }

  /** Sets or moves the timer of a slot, to expire in `ticks`, at least 1 and at most the horizon. */
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

  /** Stops the timer of a slot, if it runs. */
  end(slot: number): void {
    const bucket = this.buckets[slot] ?? NONE;
    if (bucket === NONE) return;
    const next = this.next[slot]!;
    const prev = this.prev[slot]!;
    assert(prev !== NONE || this.heads[bucket] === slot, 'a timer is not in its bucket');
    if (prev === NONE) this.heads[bucket] = next;
    else this.next[prev] = next;
    if (next !== NONE) this.prev[next] = prev;
    this.buckets[slot] = NONE;
    this.count--;
  }

  /** Ticks until the timer of a slot expires; undefined if none runs. */
  left(slot: number): number | undefined {
    if ((this.buckets[slot] ?? NONE) === NONE) return undefined;
    return Math.max(0, this.dueTicks[slot]! - this.now);
  }

  /**
   * Sets the time to `tick` and calls `expired` for every slot whose timer has expired, in order of ticks;
   * after a pause longer than the horizon, in any order. `expired` may set timers: they start at the tick
   * being processed.
   */
  expire(tick: number, expired: (slot: number) => void): void {
    if (this.count === 0) {
      this.now = Math.max(this.now, tick);
      return;
    }
    // After a long pause, one round of the ring finds every expired timer.
    if (tick - this.now > this.heads.length) this.now = tick - this.heads.length;
    while (this.now < tick) {
      const bucket = ++this.now % this.heads.length;
      for (let slot = this.heads[bucket]!; slot !== NONE; slot = this.heads[bucket]!) {
        assert(this.dueTicks[slot]! <= this.now, 'a timer expires early');
        this.end(slot);
        expired(slot);
      }
    }
  }

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
