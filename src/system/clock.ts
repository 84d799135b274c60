import { hrtime } from 'node:process';

/** The longest that a timer of Node runs, in milliseconds (25 days). It fires at once for anything longer. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

const [BEGAN] = hrtime();

/**
 * Milliseconds of CLOCK_MONOTONIC with their fractions; 0 is up to a second before this module was loaded. `performance.now` reads
 * the same clock, but its getter and receiver check cost a lone event more than the clock does.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = hrtime();
  return (seconds - BEGAN) * 1e3 + nanoseconds / 1e6;
}
