/** Events that may come at once. */
const AT_ONCE = 128;

/**
 * When events are due that come at an even rate. What is late is late for good: if it were caught up with, a rate would begin,
 * and go on after each moment in which the machine did something else, with a burst of several times that rate.
 */
export class Schedule {
  private readonly perMillisecond: number;
  /** When the first one would have been due if none had been late. */
  private begin: number;

  /**
   * @param rate events a second
   * @param now milliseconds of a clock that never goes back
   */
  constructor(rate: number, now: number) {
    this.perMillisecond = rate / 1000;
    this.begin = now;
  }

  /** How many are due by now, of which so many were made. */
  due(made: number, now: number): number {
    const { perMillisecond } = this;
    const due = Math.floor((now - this.begin) * perMillisecond) + 1;
    const late = due - made - AT_ONCE;
    if (late <= 0) return due;
    this.begin += late / perMillisecond;
    return made + AT_ONCE;
  }

  /** Milliseconds until the next one is due after so many were made; not above 0 if it is due. */
  until(made: number, now: number): number {
    return this.begin + made / this.perMillisecond - now;
  }
}
