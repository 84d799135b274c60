/** Most events that may be due at once. */
const AT_ONCE = 128;

/**
 * Computes when events are due at an even rate. The schedule never catches up with late events: otherwise each rate would
 * start with a burst of several times that rate, and so would each moment after the machine did something else.
 */
export class Schedule {
  private readonly perMillisecond: number;
  /** When the first event would have been due if none had been late. */
  private begin: number;

  /**
   * @param rate events a second
   * @param now milliseconds of a monotonic clock
   */
  constructor(rate: number, now: number) {
    this.perMillisecond = rate / 1000;
    this.begin = now;
  }

  /** Number of events due by now, given how many were made. */
  due(made: number, now: number): number {
    const { perMillisecond } = this;
    const due = Math.floor((now - this.begin) * perMillisecond) + 1;
    const late = due - made - AT_ONCE;
    if (late <= 0) return due;
    this.begin += late / perMillisecond;
    return made + AT_ONCE;
  }

  /** Milliseconds until the next event is due, given how many were made; 0 or less if it is due. */
  until(made: number, now: number): number {
    return this.begin + made / this.perMillisecond - now;
  }
}
