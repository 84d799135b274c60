/**
 * The clock of a C node. It reads the time once a turn of its main loop, before it waits, and sets its timers by
 * that: in the turn after a sleep of a minute, its time is a minute late.
 */
export class Clock {
  /** The real time, in monotonic milliseconds. */
  now: number;
  /** The time at the start of the turn, before the node waited, in milliseconds. Timers and ages count from here. */
  turn: number;
  private readonly offset: number;

  constructor(now: number, clockSeconds: number) {
    this.now = now;
    this.turn = now;
    this.offset = clockSeconds * 1000 - now;
  }

  /** Starts a new turn. */
  begin(now: number): void {
    this.now = now;
    this.turn = now;
  }

  /** Whole seconds since 1970. */
  get seconds(): number {
    return Math.floor((this.now + this.offset) / 1000);
  }

  /** Whole seconds since 1970, at the start of the turn. */
  get turnSeconds(): number {
    return Math.floor((this.turn + this.offset) / 1000);
  }
}
