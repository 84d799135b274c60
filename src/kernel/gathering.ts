/** Over so many milliseconds the events are counted that tell how fast they come. */
const WINDOW = 10;
/** Events a millisecond from which on it is worth while to wait for more. */
const FAST = 1;
/** So many events in one read are enough: it does not pay to wait for more. */
const ENOUGH = 32;
/** Milliseconds to wait: the longest that gathering holds an event back. */
export const GATHERING_TIME = 0.5;

/** Stops this thread for so many milliseconds, which may be less than one. */
export type Nap = (milliseconds: number) => void;

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Costs one system call; the timers of Node, two turns of its loop, and run for 1 ms at least. */
export const napOfThread: Nap = (milliseconds) => void Atomics.wait(cell, 0, 0, milliseconds);

/**
 * Lets events that come fast come together.
 *
 * To be woken, to read and to send cost several times what an event itself does. When events come one by one in quick
 * succession, a short sleep before they are read brings several at a time. An event that comes alone is read at once.
 */
export class Gathering {
  private readonly now: () => number;
  private readonly nap: Nap;
  private windowBegan: number;
  private inWindow = 0;
  private inLastRead = 0;
  private fast = false;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number, nap: Nap) {
    this.now = now;
    this.nap = nap;
    this.windowBegan = now();
  }

  /** Events wait to be read: sleeps a moment if more of them are to be expected. */
  await(): void {
    const elapsed = this.now() - this.windowBegan;
    if (elapsed >= WINDOW) {
      this.fast = this.inWindow >= elapsed * FAST;
      this.windowBegan += elapsed;
      this.inWindow = 0;
    }
    if (this.fast && this.inLastRead < ENOUGH) this.nap(GATHERING_TIME);
    this.inLastRead = 0;
  }

  /** So many were read. */
  took(events: number): void {
    this.inWindow += events;
    this.inLastRead += events;
  }
}
