import type { Clock } from './clock.ts';

/** Something to be done at a time. It may be set again and again. */
export class Alarm {
  /** Milliseconds; undefined while it is not set. */
  due: number | undefined;
  readonly ring: () => void;

  constructor(ring: () => void) {
    this.ring = ring;
  }
}

interface Entry {
  readonly due: number;
  readonly order: number;
  readonly alarm: Alarm;
}

const earlier = (a: Entry, b: Entry): boolean => a.due < b.due || (a.due === b.due && a.order < b.order);

/** All alarms of a node: a binary heap, in which alarms that were put off or cancelled leave an entry behind. */
export class Alarms {
  private readonly clock: Clock;
  private readonly heap: Entry[] = [];
  private readonly current = new Map<Alarm, Entry>();
  private orders = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Sets, or sets anew, an alarm for so many milliseconds after the beginning of the turn. */
  set(alarm: Alarm, delay: number): void {
    const due = this.clock.turn + delay;
    alarm.due = due;
    const entry = { due, order: this.orders++, alarm };
    this.current.set(alarm, entry);
    this.push(entry);
  }

  cancel(alarm: Alarm): void {
    alarm.due = undefined;
    this.current.delete(alarm);
  }

  /** When the next alarm is due, or Infinity. */
  next(): number {
    this.dropStale();
    return this.heap[0]?.due ?? Infinity;
  }

  /** Rings all alarms that are due, the latest one first, as C does. */
  run(now: number): void {
    const due: Entry[] = [];
    for (this.dropStale(); this.heap.length > 0 && this.heap[0]!.due <= now; this.dropStale())
      due.push(this.pop());
    for (const entry of due.reverse()) {
      if (this.current.get(entry.alarm) !== entry) continue;
      this.cancel(entry.alarm);
      entry.alarm.ring();
    }
  }

  private dropStale(): void {
    while (this.heap.length > 0 && this.current.get(this.heap[0]!.alarm) !== this.heap[0]) this.pop();
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
