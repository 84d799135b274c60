/** The longest that a timer of Node runs, in milliseconds (25 days). It would fire at once for anything longer. */
const DELAY_MAX = 2 ** 31 - 1;

/** Seconds of the configuration as the milliseconds of a timer. */
export function delayOf(seconds: number): number {
  return Math.min(seconds * 1000, DELAY_MAX);
}
