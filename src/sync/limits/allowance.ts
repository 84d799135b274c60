/** How many of something are let through: so many at once, and so many a second after that. */
export class Allowance {
  private readonly ratePerSecond: number;
  private readonly most: number;
  private left: number;
  private refilledAt = Number.NEGATIVE_INFINITY;

  /** @param most how many at once */
  constructor(ratePerSecond: number, most: number) {
    this.ratePerSecond = ratePerSecond;
    this.most = most;
    this.left = most;
  }

  /** Takes up to `wanted` at `now` (milliseconds). Returns how many it got. */
  take(wanted: number, now: number): number {
    if (now > this.refilledAt) {
      this.left = Math.min(this.most, this.left + ((now - this.refilledAt) * this.ratePerSecond) / 1000);
      this.refilledAt = now;
    }
    const taken = Math.min(wanted, Math.floor(this.left));
    this.left -= taken;
    return taken;
  }
}
