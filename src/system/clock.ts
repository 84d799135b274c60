import { hrtime } from 'node:process';

/** The longest that a timer of Node runs, in milliseconds (25 days). It fires at once for anything longer. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

const [BEGAN] = hrtime();

/**
 * Milliseconds of a clock that never goes back, with their fractions; 0 is up to a second before the process began to
 * look. It is CLOCK_MONOTONIC as `performance.now` tells it, without that one's look at its receiver, which costs an event that
 * comes alone more than the clock itself.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = hrtime();
  return (seconds - BEGAN) * 1e3 + nanoseconds / 1e6;
}
