import type { RecordFormat } from '../wire/record.ts';
import { ExternalCache } from './external-cache.ts';
import type { Keyer } from './key.ts';
import { TimerWheel } from './timer-wheel.ts';

/** A longer CacheTimeout counts as this one: a week. Records are refreshed far more often. */
const CACHE_TIMEOUT_MAX = 604_800;

/** The external cache of ALARM mode: a record that is not refreshed for CacheTimeout seconds is forgotten. */
export class ExpiringCache extends ExternalCache {
  private readonly timeout: number;
  private readonly timers: TimerWheel;

  /**
   * @param timeout CacheTimeout in seconds
   * @param now the cache's clock in seconds
   * @param fastPaths see `RecordTable`
   */
  constructor(
    format: RecordFormat,
    keyer: Keyer,
    limit: number,
    timeout: number,
    now: number,
    fastPaths = true,
  ) {
    super(format, keyer, limit, fastPaths);
    this.timeout = Math.min(timeout, CACHE_TIMEOUT_MAX);
    this.timers = new TimerWheel(this.timeout, now);
  }

  override replace(bytes: Uint8Array, start: number, end: number, now: number): number {
    this.expire(now);
    return this.refresh(super.replace(bytes, start, end, now));
  }

  override update(bytes: Uint8Array, start: number, end: number, now: number): number {
    this.expire(now);
    return this.refresh(super.update(bytes, start, end, now));
  }

  override drop(slot: number): void {
    this.timers.end(slot);
    super.drop(slot);
  }

  override flush(): void {
    this.timers.clear();
    super.flush();
  }

  /** Lets the time be `now` and forgets what has lapsed. */
  expire(now: number): void {
    this.timers.expire(now, (slot) => super.drop(slot));
  }

  /** Seconds until the record lapses. */
  expiresIn(slot: number): number {
    return this.timers.left(slot) ?? 0;
  }

  private refresh(slot: number): number {
    if (slot >= 0) this.timers.set(slot, this.timeout);
    return slot;
  }
}
