/**
 * The times that a C node knows. It reads the clock once a turn of its main loop, before it waits, and sets its timers
 * by what it read then: one that slept for a minute believes, in the turn that wakes it, that it is a minute ago.
 */
export class Clock {
  /** Milliseconds, monotonic: what the clock on the wall shows. */
  now: number;
  /** Milliseconds: when the turn began, before the node waited. Timers and ages count from here. */
  turn: number;
  private readonly offset: number;

  constructor(now: number, clockSeconds: number) {
    this.now = now;
    this.turn = now;
    this.offset = clockSeconds * 1000 - now;
  }

  /** A new turn begins. */
  begin(now: number): void {
    this.now = now;
    this.turn = now;
  }

  /** Whole seconds since 1970. */
  get seconds(): number {
    return Math.floor((this.now + this.offset) / 1000);
  }

  /** The same when the turn began. */
  get turnSeconds(): number {
    return Math.floor((this.turn + this.offset) / 1000);
  }
}
