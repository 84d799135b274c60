import { monotonic } from './clock.ts';
import { LITTLE_ENDIAN } from './endian.ts';

/** Constants of `poll.h`. */
const POLLIN = 1;

/** struct pollfd: fd (int) 0, events (short) 4, revents (short) 6. */
const POLLFD_WORDS = 2;
/** `POLLIN` in events and nothing in revents, and where revents lies in that word. */
const ASK = LITTLE_ENDIAN ? POLLIN : POLLIN << 16;
const ANSWER_SHIFT = LITTLE_ENDIAN ? 16 : 0;

/** Descriptors watched at most: events, four links, the interfaces. More are left to libuv. */
const MOST = 16;
/** Milliseconds that the loop is kept waiting at most while descriptors are readable again and again. */
const STAY = 2;
/** A poll that takes so many milliseconds found nothing at first. */
const WAITED = 0.05;

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
  settle(): void;
}

/** One descriptor. */
export interface Watched {
  readonly fd: number;
  readonly ready: () => void;
  /** Not while its owner has paused it. */
  active: boolean;
}

/**
 * Waits for the descriptors that matter most in the place of libuv.
 *
 * When libuv finds one readable it has passed through its whole loop, and its next turn asks the kernel twice more. So
 * whoever was called by libuv stays here afterwards and waits for the descriptors, for the loop's own and for the loop's
 * next timer in one poll(2), which is how libuv is made part of another loop (`uv_backend_fd`). As soon as the loop has
 * something to do it gets its turn, and the vigil goes on after that as long as it is of use.
 */
export class Vigil {
  private readonly calls: LoopCalls;
  private readonly watched: Watched[] = [];
  /** Those that the last poll was about, as many as it says. */
  private readonly polled: Watched[] = [];
  private readonly vector = new Int32Array(new ArrayBuffer((MOST + 1) * POLLFD_WORDS * 4));
  private readonly poll: (count: number, milliseconds: number) => number;
  private kept = false;
  private scheduled = false;

  constructor(calls: LoopCalls) {
    this.calls = calls;
    this.poll = calls.pollOver(this.vector);
  }

  add(watched: Watched): void {
    this.watched.push(watched);
  }

  remove(watched: Watched): void {
    watched.active = false;
    const at = this.watched.indexOf(watched);
    if (at >= 0) this.watched.splice(at, 1);
  }

  /** Waits until the loop has something to do. To be called at the end of a callback of libuv. */
  keep(): void {
    if (this.kept) return;
    this.kept = true;
    try {
      if (this.wait()) this.comeBack();
    } finally {
      this.kept = false;
    }
  }

  /** Goes on when the loop has had its turn. */
  private comeBack(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.keep();
    });
  }

  /** Returns whether any descriptor was readable meanwhile. */
  private wait(): boolean {
    const { calls } = this;
    let found = false;
    let until = monotonic() + STAY;
    for (;;) {
      calls.settle();
      calls.updateTime();
      const patience = calls.backendTimeout();
      if (patience === 0) return found;
      const count = this.layOut();
      const before = monotonic();
      if (count === 0 || this.poll(count + 1, patience) <= 0) return found;
      const now = monotonic();
      if (!this.callReady(count)) return found;
      found = true;
      // Who had to wait knows that the loop had nothing to do. Otherwise it may have, as what is watched counts there too.
      if (now - before >= WAITED) until = now + STAY;
      else if (now >= until) return true;
    }
  }

  /** Writes down what to wait for, the loop last; returns how many others there are. */
  private layOut(): number {
    let count = 0;
    for (const watched of this.watched) {
      if (!watched.active || count === MOST) continue;
      this.ask(count, watched.fd);
      this.polled[count++] = watched;
    }
    this.ask(count, this.calls.backend);
    return count;
  }

  private ask(n: number, fd: number): void {
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
