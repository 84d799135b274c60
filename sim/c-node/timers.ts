import type { Clock } from './clock.ts';

/** A timer that can be set again. */
export class Timer {
  /** Milliseconds; undefined while it is not set. */
  due: number | undefined;
  readonly fire: () => void;

  constructor(fire: () => void) {
    this.fire = fire;
  }
}

interface Entry {
  readonly due: number;
  readonly order: number;
  readonly timer: Timer;
}

const earlier = (a: Entry, b: Entry): boolean => a.due < b.due || (a.due === b.due && a.order < b.order);

/** All timers of a node: a binary heap. A timer that is set again or cancelled leaves its old entry in it. */
export class Timers {
  private readonly clock: Clock;
  private readonly heap: Entry[] = [];
  private readonly current = new Map<Timer, Entry>();
  private orders = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Sets a timer, or sets it again, to `delayMs` after the start of the turn. */
  set(timer: Timer, delayMs: number): void {
    const due = this.clock.turn + delayMs;
    timer.due = due;
    const entry = { due, order: this.orders++, timer };
    this.current.set(timer, entry);
    this.push(entry);
  }

  cancel(timer: Timer): void {
    timer.due = undefined;
    this.current.delete(timer);
  }

  /** When the next timer is due, or Infinity. */
  next(): number {
    this.dropStale();
    return this.heap[0]?.due ?? Infinity;
  }

  /** Fires all timers that are due, the latest one first, as C does. */
  run(now: number): void {
    const due: Entry[] = [];
    for (this.dropStale(); this.heap.length > 0 && this.heap[0]!.due <= now; this.dropStale())
      due.push(this.pop());
    for (const entry of due.reverse()) {
      if (this.current.get(entry.timer) !== entry) continue;
      this.cancel(entry.timer);
      entry.timer.fire();
    }
  }

  private dropStale(): void {
    while (this.heap.length > 0 && this.current.get(this.heap[0]!.timer) !== this.heap[0]) this.pop();
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!earlier(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  private pop(): Entry {
    const { heap } = this;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && earlier(heap[child + 1]!, heap[child]!)) child++;
      if (!earlier(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return top;
  }
}
