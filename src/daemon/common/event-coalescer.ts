/** Over so many milliseconds the events are counted that tell how fast they come. */
const WINDOW_MS = 10;
/** Events a millisecond from which on it is worth while to wait for more. */
const COALESCING_RATE = 1;
/** So many shall come together. */
const BATCH_TARGET = 10;
/** Milliseconds to wait at least, which is what a poll can do, and at most, which is the delay that is worth it. */
const MIN_WAIT_MS = 1;
const MAX_WAIT_MS = 4;
/** Events a millisecond from which on the processor is what is short, and the wait then. */
const SATURATED_RATE = 20;
const SATURATED_WAIT_MS = 3;
/** Bytes that an event takes in the receive buffer at most, as the kernel accounts it, and the share that may wait. */
const EVENT_BYTES = 1024;
const BUFFER_SHARE = 0.25;

/**
 * Tells how long to let events gather.
 *
 * To be woken, to read and to send cost several times what an event itself does. So events that come fast are read at
 * intervals, some at a time; an event that comes alone is read at once.
 */
export class EventCoalescer {
  private windowBegan: number;
  private inWindow = 0;
  /** Events a millisecond in the last window. */
  private rate = 0;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: number) {
    this.windowBegan = now;
  }

  /** So many events were read. */
  recordRead(events: number, now: number): void {
    this.inWindow += events;
    const elapsed = now - this.windowBegan;
    if (elapsed < WINDOW_MS) return;
    this.rate = this.inWindow / elapsed;
    this.windowBegan = now;
    this.inWindow = 0;
  }

  /** Milliseconds to wait before the next read, 0 for as soon as there is something. @param bufferSize in bytes */
  waitMs(bufferSize: number): number {
    const { rate } = this;
    if (rate < COALESCING_RATE) return 0;
    const wanted =
      rate < SATURATED_RATE ? Math.max(MIN_WAIT_MS, Math.floor(BATCH_TARGET / rate)) : SATURATED_WAIT_MS;
    const room = Math.floor((bufferSize * BUFFER_SHARE) / (rate * EVENT_BYTES));
    return Math.min(wanted, MAX_WAIT_MS, room);
  }
}
