import { LITTLE_ENDIAN } from '../bytes/endian.ts';
import { monotonicMs } from './clock.ts';

/** Constants of `poll.h`. */
const POLLIN = 1;

/** struct pollfd: fd (int) 0, events (short) 4, revents (short) 6. */
const POLLFD_WORDS = 2;
/** `POLLIN` in events and nothing in revents, and where revents lies in that word. */
const ASK = LITTLE_ENDIAN ? POLLIN : POLLIN << 16;
const ANSWER_SHIFT = LITTLE_ENDIAN ? 16 : 0;

/** Descriptors watched at most: events, four links, the interfaces. More are left to libuv. */
const MAX_FDS = 16;
/** Milliseconds that the loop is kept waiting at most while descriptors are readable again and again. */
const MAX_STAY_MS = 2;
/** A poll that takes so many milliseconds found nothing at first. */
const WAITED_MS = 0.05;

/** What the vigil asks of poll(2) and of libuv, the loop being the main thread's. */
export interface LoopCalls {
  /** poll(2) over the first `count` of a vector of `struct pollfd`; the number that are ready, or negative. */
  pollOver(vector: Int32Array): (count: number, milliseconds: number) => number;
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

/** Something that is done once each time it is set. */
export interface ReusableTimer {
  /** It is to be done so many milliseconds from now, or up to one later, and at no other time. */
  set(milliseconds: number): void;
  /** It is not to be done. */
  clear(): void;
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
 * Waits for the descriptors that matter most in the place of libuv, and until the times that come soonest.
 *
 * When libuv finds one readable it has passed through its whole loop, and its next turn asks the kernel twice more. So
 * whoever was called by libuv stays here afterwards and waits for the descriptors, for the loop's own and for the loop's
 * next timer in one poll(2), which is how libuv is made part of another loop (`uv_backend_fd`). As soon as the loop has
 * something to do it gets its turn, and the vigil goes on after that as long as it is of use: while descriptors become readable,
 * or an timer is set.
 */
export class PollLoop {
  private readonly calls: LoopCalls;
  private readonly watched: WatchedFd[] = [];
  /** Those that the last poll was about, as many as it says. */
  private readonly polled: WatchedFd[] = [];
  private readonly vector = new Int32Array(new ArrayBuffer((MAX_FDS + 1) * POLLFD_WORDS * 4));
  private readonly poll: (count: number, milliseconds: number) => number;
  /** Few, in no order; those that were cleared, too, until they are next looked at. */
  private readonly timers: LoopTimer[] = [];
  private isRunning = false;
  private scheduled = false;
  private readonly resume = (): void => {
    this.scheduled = false;
    this.run();
  };

  constructor(calls: LoopCalls) {
    this.calls = calls;
    this.poll = calls.pollOver(this.vector);
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
   * For waits of a few milliseconds that come again and again: a timer costs a turn of the loop and Node's own work with its
   * timers, this a poll(2).
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
    for (;;) {
      this.fireTimers(now);
      calls.drainMicrotasks();
      calls.updateTime();
      const patience = calls.backendTimeout();
      if (patience === 0) return found;
      const count = this.fillVector();
      if (count === 0 && this.timers.length === 0) return found;
      const before = monotonicMs();
      const shorter = this.untilTimer(before, patience);
      const ready = this.poll(count + 1, shorter);
      if (ready < 0 || (ready === 0 && shorter === patience)) return found;
      now = monotonicMs();
      if (ready > 0) {
        if (!this.callReady(count)) return found;
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

  /** Milliseconds until the first timer, if that is sooner than `patience`, which is endless where it is negative. */
  private untilTimer(now: number, patience: number): number {
    const { timers } = this;
    let shortest = patience;
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
      this.requestRead(count, watched.fd);
      this.polled[count++] = watched;
    }
    this.requestRead(count, this.calls.backend);
    return count;
  }

  private requestRead(n: number, fd: number): void {
    this.vector[n * POLLFD_WORDS] = fd;
    this.vector[n * POLLFD_WORDS + 1] = ASK;
  }

  /** Calls whoever has something to read, or an error to find; false if it is only the loop that has something to do. */
  private callReady(count: number): boolean {
    let called = false;
    for (let n = 0; n < count; n++) {
      const watched = this.polled[n]!;
      const answer = (this.vector[n * POLLFD_WORDS + 1]! >> ANSWER_SHIFT) & 0xffff;
      if (answer === 0 || !watched.active) continue;
      called = true;
      watched.ready();
    }
    return called;
  }
}
