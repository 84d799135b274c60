/** Messages a second that NACKs may bring in the long run. */
const RATE_PER_SECOND = 20_000;

/**
 * Limits what NACKs bring, because anybody can send one: the whole resend queue once, and 20,000 messages a second after that.
 */
export class ResendBudget {
  private readonly limit: number;
  private left: number;
  private refilledAt = Number.NEGATIVE_INFINITY;

  /** @param resendLimit ResendQueueSize */
  constructor(resendLimit: number) {
    this.limit = Math.max(resendLimit, RATE_PER_SECOND);
    this.left = this.limit;
  }

  /** Returns whether a message may be sent again at `now` (milliseconds), and counts it. */
  take(now: number): boolean {
    if (now > this.refilledAt) {
      this.left = Math.min(this.limit, this.left + ((now - this.refilledAt) * RATE_PER_SECOND) / 1000);
      this.refilledAt = now;
    }
    if (this.left < 1) return false;
    this.left--;
    return true;
  }
}
