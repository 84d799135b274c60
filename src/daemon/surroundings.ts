import { randomInt } from 'node:crypto';
import { monotonic } from '../kernel/clock.ts';
import { vigilAlarm } from '../kernel/libc.ts';
import type { Alarm } from '../kernel/vigil.ts';

/** Takes back what was to happen later. */
export type Cancel = () => void;

/**
 * What a node has around it besides its kernel, its links and its log: the time, its turns, and chance. The daemon has the
 * process's; a simulated node has a world's whose time is a number.
 */
export interface Surroundings {
  /** Milliseconds of a clock that never goes back; whole ones in the daemon, because others would be an object each. */
  now(): number;
  /** Whole seconds since 1970 by the wall clock, which may jump. */
  wallSeconds(): number;
  /** A number from 0 to below 1. */
  random(): number;
  /** The first number (u32) of our messages in FT-FW, which nobody is to guess. */
  firstNumber(): number;
  /** Does it once, so many milliseconds from now. */
  after(milliseconds: number, act: () => void): Cancel;
  /** Something to be done after waits of a few milliseconds, again and again: one more may pass, and it costs less. */
  alarm(act: () => void): Alarm;
  /** Does it again and again, so many milliseconds apart. */
  every(milliseconds: number, act: () => void): Cancel;
  /** Does it when all that came in until now is dealt with. */
  soon(act: () => void): void;
  /** Resolves when everything else that waits has had its turn. */
  turn(): Promise<void>;
}

/** The longest that a timer of Node runs, in milliseconds (25 days). It would fire at once for anything longer. */
const DELAY_MAX = 2 ** 31 - 1;

/** Below this, and a thousand million further, the runtime keeps numbers as small integers, which cost it nothing. */
const FIRST_NUMBERS = 2 ** 30;

/** An alarm that is set by planning what it does with `after`. */
export function alarmBy(after: Surroundings['after'], act: () => void): Alarm {
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
export const PROCESS: Surroundings = {
  now: () => Math.trunc(monotonic()),
  wallSeconds: () => Math.floor(Date.now() / 1000),
  random: Math.random,
  firstNumber: () => randomInt(FIRST_NUMBERS),
  after(milliseconds, act) {
    const timer = setTimeout(act, Math.min(milliseconds, DELAY_MAX));
    return () => clearTimeout(timer);
  },
  alarm: (act) => vigilAlarm(act) ?? alarmBy(PROCESS.after, act),
  every(milliseconds, act) {
    const timer = setInterval(act, Math.min(milliseconds, DELAY_MAX));
    return () => clearInterval(timer);
  },
  soon: (act) => void setImmediate(act),
  turn: () => new Promise((resolve) => setImmediate(resolve)),
};
