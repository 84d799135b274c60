import { assert } from '../../bytes/assert.ts';

/** Maximum number of control messages in {@link INTERVAL_MS}. */
const CONTROLS_MAX = 16;
const INTERVAL_MS = 1;

/**
 * Limits control messages to 16 a millisecond. In a group of several nodes every node NACKs a loss, and those NACKs are
 * lost and NACKed in turn: packed into few datagrams they die out, sent one by one they multiply.
 */
export class ControlPacer {
  private sent = 0;
  private intervalStart = Number.NEGATIVE_INFINITY;

  /** True if no control message may be sent before {@link resumesAt}. */
  get isExhausted(): boolean {
    return this.sent >= CONTROLS_MAX;
  }

  /** When control messages may be sent again, in milliseconds; infinity if they may be sent now. */
  get resumesAt(): number {
    return this.isExhausted ? this.intervalStart + INTERVAL_MS : Number.POSITIVE_INFINITY;
  }

  /** Starts a new interval if the last one is over. */
  refill(now: number): void {
    if (now < this.intervalStart + INTERVAL_MS) return;
    this.intervalStart = now;
    this.sent = 0;
  }

  /** Counts a control message that is sent now. */
  count(): void {
    assert(!this.isExhausted, 'a control message is sent too early');
    this.sent++;
  }
}
