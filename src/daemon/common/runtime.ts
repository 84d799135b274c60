import { randomInt } from 'node:crypto';
import { monotonicMs, TIMER_MAX_MS } from '../../system/clock.ts';
import { loopTimer } from '../../system/event-loop.ts';
import type { ReusableTimer } from '../../system/poll-loop.ts';

/** Takes back what was to happen later. */
export type Cancel = () => void;

/**
 * What a node has around it besides its kernel, its links and its log: the time, its turns, and chance. The daemon has the
 * process's; a simulated node has a world's whose time is a number.
 */
export interface Runtime {
  /** Milliseconds of a clock that never goes back; whole ones in the daemon, because others would be an object each. */
  now(): number;
  /** Whole seconds since 1970 by the wall clock, which may jump. */
  wallSeconds(): number;
  /** A number from 0 to below 1. */
  random(): number;
  /** The first number (u32) of our messages in FT-FW, which nobody is to guess. */
  initialSequence(): number;
  /** Does it once, so many milliseconds from now. */
  after(milliseconds: number, act: () => void): Cancel;
  /** Something to be done after waits of a few milliseconds, again and again: one more may pass, and it costs less. */
  timer(act: () => void): ReusableTimer;
  /** Does it again and again, so many milliseconds apart. */
  every(milliseconds: number, act: () => void): Cancel;
  /** Does it when all that came in until now is dealt with. */
  defer(act: () => void): void;
  /** Resolves when everything else that waits has had its turn. */
  yieldToLoop(): Promise<void>;
}

/** Below this, and a thousand million further, the runtime keeps numbers as small integers, which cost it nothing. */
const INITIAL_SEQUENCES = 2 ** 30;

/** An alarm that is set by planning what it does with `after`. */
export function timerFrom(after: Runtime['after'], act: () => void): ReusableTimer {
  let cancel: Cancel = () => {};
  return {
    set: (milliseconds) => {
      cancel();
      cancel = after(milliseconds, act);
    },
    clear: () => cancel(),
  };
}

/** The process's own clocks and timers. */
export const PROCESS_RUNTIME: Runtime = {
  now: () => Math.trunc(monotonicMs()),
  wallSeconds: () => Math.floor(Date.now() / 1000),
  random: Math.random,
  initialSequence: () => randomInt(INITIAL_SEQUENCES),
  after(milliseconds, act) {
    const timer = setTimeout(act, Math.min(milliseconds, TIMER_MAX_MS));
    return () => clearTimeout(timer);
  },
  timer: (act) => loopTimer(act) ?? timerFrom(PROCESS_RUNTIME.after, act),
  every(milliseconds, act) {
    const timer = setInterval(act, Math.min(milliseconds, TIMER_MAX_MS));
    return () => clearInterval(timer);
  },
  defer: (act) => void setImmediate(act),
  yieldToLoop: () => new Promise((resolve) => setImmediate(resolve)),
};
