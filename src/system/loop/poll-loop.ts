import { LITTLE_ENDIAN } from '../../bytes/endian.ts';
import { monotonicMs } from '../clock.ts';
import type { ReusableTimer } from './reusable-timer.ts';
import { ShortTurns } from './short-turns.ts';

/** Constants of `poll.h`. */
const POLLIN = 1;
export const POLLNVAL = 0x20;

/** struct pollfd: fd (int) 0, events (short) 4, revents (short) 6. */
export const POLLFD_WORDS = 2;
/** `POLLIN` in events and nothing in revents, and where revents lies in that word. */
const ASK = LITTLE_ENDIAN ? POLLIN : POLLIN << 16;
const ANSWER_SHIFT = LITTLE_ENDIAN ? 16 : 0;

/** Descriptors watched at most: events, four links, the interfaces. More are left to libuv. */
const MAX_FDS = 16;
/** Milliseconds that the loop is kept waiting at most while descriptors are readable again and again. */
const MAX_STAY_MS = 2;
/** A poll that takes so many milliseconds found nothing at first. */
const WAITED_MS = 0.05;
/** Milliseconds that a loop is kept waiting which turns without doing anything, so that threads of lower priority run. */
const REST_MS = 1;

/** Asks in the nth `struct pollfd` of a vector whether `fd` is readable. */
export function requestRead(vector: Int32Array, n: number, fd: number): void {
  vector[n * POLLFD_WORDS] = fd;
  vector[n * POLLFD_WORDS + 1] = ASK;
}

/** `revents` of the nth `struct pollfd` of a vector. */
export function readAnswer(vector: Int32Array, n: number): number {
  return (vector[n * POLLFD_WORDS + 1]! >> ANSWER_SHIFT) & 0xffff;
}

/** A vector of `struct pollfd`. */
export interface PollVector {
  readonly words: Int32Array;
  /** poll(2) over the first `count` of them; the number that are ready, or negative. */
  readonly poll: (count: number, milliseconds: number) => number;
}

/** What the poll loop asks of poll(2) and of libuv, the loop being the main thread's. */
export interface LoopCalls {
  /** A vector of so many 32-bit words. */
  vector(words: number): PollVector;
  /** `uv_backend_fd`: readable when the loop has something to do. */
  readonly backend: number;
  /** `uv_backend_timeout`: milliseconds until the loop has something to do, 0 for now, -1 for never. */
  backendTimeout(): number;
  /** `uv_update_time`: timers that are set from now on begin now. */
  updateTime(): void;
  /** Runs what waits for the end of a callback: ticks and microtasks. */
  drainMicrotasks(): void;
  /**
   * Calls back in the loop's next turn as for a descriptor that is readable. In a callback of a timer or of setImmediate
   * `uv_backend_timeout` is 0, whatever the loop has to do.
   */
  onNextTurn(act: () => void): void;
}

/** One descriptor. */
export interface WatchedFd {
  readonly fd: number;
  readonly ready: () => void;
  /** Not while its owner has paused it. */
  active: boolean;
}

class LoopTimer implements ReusableTimer {
  /** Milliseconds of the clock. */
  at = 0;
  readonly act: () => void;
  private readonly pollLoop: PollLoop;
  isSet = false;

  constructor(pollLoop: PollLoop, act: () => void) {
    this.pollLoop = pollLoop;
    this.act = act;
  }

  set(milliseconds: number): void {
    this.at = monotonicMs() + milliseconds;
    if (this.isSet) return;
    this.isSet = true;
    this.pollLoop.addTimer(this);
  }

  clear(): void {
    this.isSet = false;
  }
}

/**
 * Polls the hot descriptors directly until the next timer, instead of returning to libuv.
 *
 * When libuv finds a descriptor readable it has passed through its whole loop, and its next turn makes two more system calls.
 * So after a callback of libuv the poll loop waits in one poll(2) for the descriptors, for libuv's own descriptor and until
 * libuv's next timer, which is how libuv is embedded in another loop (`uv_backend_fd`). As soon as libuv has something to do
 * it gets its turn. The poll loop continues after that while descriptors become readable, or a timer is set. What it rests on
 * stands in `event-loop.ts`.
 */
export class PollLoop {
  private readonly calls: LoopCalls;
  private readonly watched: WatchedFd[] = [];
  /** Those that the last poll waited for, as many as it counted. */
  private readonly polled: WatchedFd[] = [];
  private readonly vector: Int32Array;
  private readonly poll: PollVector['poll'];
  /** Few, in no order; those that were cleared, too, until they are next looked at. */
  private readonly timers: LoopTimer[] = [];
  private readonly shortTurns = new ShortTurns();
  private isRunning = false;
  private scheduled = false;
  private readonly resume = (): void => {
    this.scheduled = false;
    this.run();
  };

  constructor(calls: LoopCalls) {
    this.calls = calls;
    const { words, poll } = calls.vector((MAX_FDS + 1) * POLLFD_WORDS);
    this.vector = words;
    this.poll = poll;
  }

  add(watched: WatchedFd): void {
    this.watched.push(watched);
  }

  remove(watched: WatchedFd): void {
    watched.active = false;
    const at = this.watched.indexOf(watched);
    if (at >= 0) this.watched.splice(at, 1);
  }

  /**
   * For waits that come again and again: a timer costs a turn of the loop and Node's own work with its timers, this a poll(2). And
   * Node does not tell libuv that a timer is set to a later time, or cleared: the process wakes up all the same.
   */
  timer(act: () => void): ReusableTimer {
    return new LoopTimer(this, act);
  }

  addTimer(timer: LoopTimer): void {
    if (!this.timers.includes(timer)) this.timers.push(timer);
    if (!this.isRunning) this.runOnNextTurn();
  }

  /** Waits until the loop has something to do. To be called at the end of a callback of libuv. */
  run(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    let goOn = false;
    try {
      goOn = this.wait();
    } finally {
      this.isRunning = false;
      if (goOn || this.timers.length > 0) this.runOnNextTurn();
    }
  }

  /** Goes on when the loop has had its turn. */
  private runOnNextTurn(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.calls.onNextTurn(this.resume);
  }

  /** Returns whether any descriptor was readable meanwhile. */
  private wait(): boolean {
    const { calls } = this;
    let found = false;
    let now = monotonicMs();
    let until = now + MAX_STAY_MS;
    this.shortTurns.end(now);
    for (;;) {
      this.fireTimers(now);
      calls.drainMicrotasks();
      calls.updateTime();
      const timeoutMs = calls.backendTimeout();
      if (timeoutMs === 0) return found;
      const count = this.fillVector();
      if (count === 0 && this.timers.length === 0) return found;
      const before = monotonicMs();
      const rests = this.shortTurns.takeMany();
      const shorter = this.untilTimer(before, rests ? REST_MS : timeoutMs);
      // The loop's own descriptor is the last one.
      const ready = this.poll(rests ? count : count + 1, shorter);
      if (ready < 0 || (ready === 0 && shorter === timeoutMs)) return found;
      now = monotonicMs();
      if (ready > 0) {
        if (!this.callReady(count)) {
          if (!found && now - before < WAITED_MS) this.shortTurns.begin(now);
          return found;
        }
        found = true;
      }
      // Who had to wait knows that the loop had nothing to do. Otherwise it may have, as what is watched counts there too.
      if (now - before >= WAITED_MS) until = now + MAX_STAY_MS;
      else if (now >= until) return true;
    }
  }

  /** Does what is to be done by now, and forgets the timers that are not set. */
  private fireTimers(now: number): void {
    const { timers } = this;
    for (let n = timers.length - 1; n >= 0; n--) {
      const timer = timers[n]!;
      const due = timer.isSet && timer.at <= now;
      if (timer.isSet && !due) continue;
      // The last one takes its place: that one was looked at already.
      const last = timers.pop()!;
      if (last !== timer) timers[n] = last;
      timer.isSet = false;
      if (due) timer.act();
    }
  }

  /** Milliseconds until the first timer, if that is sooner than `timeoutMs`; a negative one is infinite. */
  private untilTimer(now: number, timeoutMs: number): number {
    const { timers } = this;
    let shortest = timeoutMs;
    for (let n = 0; n < timers.length; n++) {
      const left = Math.max(0, Math.ceil(timers[n]!.at - now));
      if (shortest < 0 || left < shortest) shortest = left;
    }
    return shortest;
  }

  /** Writes down what to wait for, the loop last; returns how many others there are. */
  private fillVector(): number {
    let count = 0;
    for (const watched of this.watched) {
      if (!watched.active || count === MAX_FDS) continue;
      requestRead(this.vector, count, watched.fd);
      this.polled[count++] = watched;
    }
    requestRead(this.vector, count, this.calls.backend);
    return count;
  }

  /** Calls whoever has something to read, or an error to find; false if it is only the loop that has something to do. */
  private callReady(count: number): boolean {
    let called = false;
    for (let n = 0; n < count; n++) {
      const watched = this.polled[n]!;
      if (readAnswer(this.vector, n) === 0 || !watched.active) continue;
      called = true;
      watched.ready();
    }
    return called;
  }
}
