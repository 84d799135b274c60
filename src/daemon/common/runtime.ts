import { randomInt } from 'node:crypto';
import { monotonicMs, TIMER_MAX_MS } from '../../system/clock.ts';
import { loopTimer } from '../../system/loop/event-loop.ts';
import { type ReusableTimer, timerFrom } from '../../system/loop/reusable-timer.ts';
import { doChores } from '../../system/process/chores.ts';

/** Cancels what was to be done later; harmless once it is done. */
export type Cancel = () => void;

/**
 * What a node takes from the process around it, besides its kernel, its links and its log: clocks, timers, turns of the
 * event loop, and random numbers. A simulated node gets those of a world whose time is a number.
 */
export interface Runtime {
  /** Milliseconds of a clock that never goes back. Whole ones in the daemon: V8 stores a fraction as an object on the heap. */
  now(): number;
  /** Whole seconds since 1970, by the wall clock, which may jump. */
  wallSeconds(): number;
  /** A random number from 0 to below 1. */
  random(): number;
  /** The sequence number (u32) of our first message in FT-FW; it must be hard to guess. */
  initialSequence(): number;
  /** Calls `act` once, in `delayMs` milliseconds. */
  after(delayMs: number, act: () => void): Cancel;
  /** Resolves in `delayMs` milliseconds. */
  sleep(delayMs: number): Promise<void>;
  /** A timer of `act` that is set again and again; it may fire 1 ms late, and is cheaper than `after`. */
  timer(act: () => void): ReusableTimer;
  /** Calls `act` every `intervalMs` milliseconds, first in `intervalMs`. */
  every(intervalMs: number, act: () => void): Cancel;
  /** What the process looks after seldom may be done now: it is awake for something else. */
  noteAwake(): void;
  /** Calls `act` once everything that has arrived until now is handled. */
  defer(act: () => void): void;
  /** Resolves when everything else that waits in the event loop has had its turn. */
  yieldToLoop(): Promise<void>;
}

/** Sequence numbers from here up to 2^31 are small integers to V8, which it stores without an object on the heap. */
const INITIAL_SEQUENCES = 2 ** 30;

/** The process's own clocks and timers. */
export const PROCESS_RUNTIME: Runtime = {
  now: () => Math.trunc(monotonicMs()),
  wallSeconds: () => Math.floor(Date.now() / 1000),
  random: Math.random,
  initialSequence: () => randomInt(INITIAL_SEQUENCES),
  after(delayMs, act) {
    const timer = setTimeout(
      () => {
        act();
        doChores();
      },
      Math.min(delayMs, TIMER_MAX_MS),
    );
    return () => clearTimeout(timer);
  },
  sleep: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)),
  timer: (act) => loopTimer(act) ?? timerFrom(PROCESS_RUNTIME.after, act),
  every(intervalMs, act) {
    const timer = setInterval(act, Math.min(intervalMs, TIMER_MAX_MS));
    return () => clearInterval(timer);
  },
  noteAwake: doChores,
  defer: (act) => void setImmediate(act),
  yieldToLoop: () => new Promise((resolve) => setImmediate(resolve)),
};
