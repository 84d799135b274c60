import { SERIES_SPAN } from './peer.ts';

/** Messages a second that a peer sends at most in the long run, and those it may have sent at once. */
const RATE_PER_SECOND = 100_000;
const BURST_MAX = 4 * SERIES_SPAN;

/**
 * How many of the numbers that seem to be missing can have been sent. Whoever sends in a peer's name chooses his numbers, and each
 * message may leave a gap of 65,536 before it: the count of lost messages is to say how many were lost.
 */
export class PlausibleLoss {
  private left = BURST_MAX;
  private refilledAt = Number.NEGATIVE_INFINITY;

  /** How many of `missing` numbers count, at `now` (milliseconds). */
  take(missing: number, now: number): number {
    if (now > this.refilledAt) {
      this.left = Math.min(BURST_MAX, this.left + ((now - this.refilledAt) * RATE_PER_SECOND) / 1000);
      this.refilledAt = now;
    }
    const counted = Math.min(missing, Math.floor(this.left));
    this.left -= counted;
    return counted;
  }
}
