import { LITTLE_ENDIAN } from '../bytes/endian.ts';

/** From one digest to the next, in ms. */
const INTERVAL_MS = 60_000;
/** After so many differences in a row, only each tenth is a reason to ask for everything: asking does not mend what it is. */
const ASK_EACH_TIME_MAX = 3;

/**
 * When a node tells its peers what it has, so that they can see that they have the same, and what follows where they have not.
 * Nothing is concluded from a digest beside messages that are missing. Machines whose low byte comes last make other digests,
 * and none are sent to or from them.
 */
export class DigestSchedule {
  private nextAt: number;
  /** Whether the next digest waits until everything before it is sent. */
  private isReady = false;
  private differences = 0;

  /** @param now milliseconds, as all times here */
  constructor(now: number) {
    this.nextAt = LITTLE_ENDIAN ? now + INTERVAL_MS : Number.POSITIVE_INFINITY;
  }

  /** When {@link handleTimeout} is due, in milliseconds; infinity if it is not. */
  get dueAt(): number {
    return this.isReady ? Number.POSITIVE_INFINITY : this.nextAt;
  }

  handleTimeout(now: number): void {
    if (now >= this.nextAt) this.isReady = true;
  }

  /** Whether a digest is due. */
  isDue(now: number): boolean {
    return now >= this.nextAt;
  }

  /** Returns whether a digest is due, and if so, begins the next minute. */
  take(now: number): boolean {
    if (!this.isDue(now)) return false;
    this.isReady = false;
    this.nextAt = now + INTERVAL_MS;
    return true;
  }

  /** A peer's digest was compared with what is here. Returns whether to ask the peer for everything. */
  noteCompared(isEqual: boolean): boolean {
    this.differences = isEqual ? 0 : this.differences + 1;
    return this.differences > 0 && (this.differences <= ASK_EACH_TIME_MAX || this.differences % 10 === 0);
  }
}
