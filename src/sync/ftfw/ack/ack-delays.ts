import { Histogram } from '../../../bytes/histogram.ts';
import type { AckDelayStatistics } from '../../engine.ts';

/** Milliseconds. C acknowledges after 1 s at the latest, or at a full window. */
const BOUNDS = [0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];
/** What counts as recent. */
const RECENT_MS = 60_000;
/** Delays kept for that: one probe in 100 ms, of one peer. With more peers they reach back less. */
const RECENT_MAX = 600;

/** How long peers took to acknowledge a message: since the start, and lately. Its size does not depend on the traffic. */
export class AckDelays {
  private readonly histogram = new Histogram(BOUNDS);
  /** The last delays and when each was measured, in a circle. */
  private readonly delays = new Float64Array(RECENT_MAX);
  private readonly times = new Float64Array(RECENT_MAX).fill(Number.NEGATIVE_INFINITY);
  private next = 0;

  /** All in milliseconds. */
  record(delayMs: number, now: number): void {
    this.histogram.record(delayMs);
    this.delays[this.next] = delayMs;
    this.times[this.next] = now;
    this.next = (this.next + 1) % RECENT_MAX;
  }

  statistics(now: number): AckDelayStatistics {
    const recent = this.delays.filter((_, at) => now - this.times[at]! < RECENT_MS).sort();
    const total = this.histogram.statistics;
    if (recent.length === 0) return { total };
    return {
      total,
      recent: { count: recent.length, p50Ms: quantile(recent, 0.5), p99Ms: quantile(recent, 0.99) },
    };
  }
}

/** The value that so large a part of the values does not exceed. */
function quantile(sorted: Float64Array, part: number): number {
  return sorted[Math.ceil(part * sorted.length) - 1]!;
}
