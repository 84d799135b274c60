/** The event rate is measured over windows of this length. */
const WINDOW_MS = 10;
/** Events a millisecond from which on waiting for more is worthwhile. */
const COALESCING_RATE = 1;
/** Events that a read should bring. */
const BATCH_TARGET = 10;
/** The shortest wait, which is poll(2)'s, and the longest, which bounds the latency. */
const MIN_WAIT_MS = 1;
const MAX_WAIT_MS = 4;
/** Events a millisecond from which on the processor is saturated, and the wait then. */
const SATURATED_RATE = 20;
const SATURATED_WAIT_MS = 3;
/** How long at most events of one turn wait for the rest of them. */
const HOLD_MAX_MS = 3;
/** Bytes of the receive buffer that an event takes at most, as the kernel accounts it, and the share of the buffer that may fill. */
const EVENT_BYTES = 1024;
const BUFFER_SHARE = 0.25;

/**
 * Decides how long to wait for more events before the next read, as network cards coalesce interrupts. Coalescing trades
 * latency under load for CPU, because a wake-up, a read and a send cost several times what an event does. An event that comes
 * alone is read at once.
 */
export class EventCoalescer {
  readonly readsUntilEmpty = false;
  readonly holdMaxMs = HOLD_MAX_MS;
  private windowStartMs: number;
  private inWindow = 0;
  /** Events a millisecond in the last window. */
  private rate = 0;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: number) {
    this.windowStartMs = now;
  }

  /** Records that a read at `now` (ms) brought so many events. */
  recordRead(events: number, now: number): void {
    this.inWindow += events;
    const elapsed = now - this.windowStartMs;
    if (elapsed < WINDOW_MS) return;
    this.rate = this.inWindow / elapsed;
    this.windowStartMs = now;
    this.inWindow = 0;
  }

  /** Returns the milliseconds to wait before the next read; 0: read as soon as an event arrives. */
  waitMs(bufferBytes: number): number {
    const { rate } = this;
    if (rate < COALESCING_RATE) return 0;
    const wanted =
      rate < SATURATED_RATE ? Math.max(MIN_WAIT_MS, Math.floor(BATCH_TARGET / rate)) : SATURATED_WAIT_MS;
    const room = Math.floor((bufferBytes * BUFFER_SHARE) / (rate * EVENT_BYTES));
    return Math.min(wanted, MAX_WAIT_MS, room);
  }
}
