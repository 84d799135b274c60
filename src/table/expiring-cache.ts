import type { RecordFormat } from '../wire/record.ts';
import { ExternalCache } from './external-cache.ts';
import type { Keyer } from './key.ts';
import { TimerWheel } from './timer-wheel.ts';

/** Upper limit for CacheTimeout in seconds: a week. Peers refresh records far more often. */
const CACHE_TIMEOUT_MAX = 604_800;

/**
 * The external cache of ALARM mode: drops a record that the peer does not refresh for CacheTimeout seconds.
 */
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

  /** Sets the time to `now` and drops expired records. */
  expire(now: number): void {
    this.timers.expire(now, (slot) => super.drop(slot));
  }

  /** Seconds until the record expires. */
  expiresIn(slot: number): number {
    return this.timers.left(slot) ?? 0;
  }

  private refresh(slot: number): number {
    if (slot >= 0) this.timers.set(slot, this.timeout);
    return slot;
  }
}
