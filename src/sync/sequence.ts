import { before, next, previous, span } from '../wire/sequence.ts';

/** Where a message's number stands among those its sender was heard to send. */
export const SequenceOrder = {
  /** Nothing was heard from this sender before. */
  FIRST: 0,
  NEXT: 1,
  /** Numbers were left out. */
  AHEAD: 2,
  /** The number, or a later one, was heard already. */
  STALE: 3,
} as const;
export type SequenceOrder = (typeof SequenceOrder)[keyof typeof SequenceOrder];

/** How many different numbers there are. */
const NUMBERS = 2 ** 32;

/** Our own numbers: every message sent takes the next. */
export class SequenceSource {
  private upcoming: number;
  private readonly first: number;
  /** Numbers taken, as far as they can be told apart. */
  private taken = 0;

  constructor(first: number) {
    this.first = first >>> 0;
    this.upcoming = this.first;
  }

  take(): number {
    const sequence = this.upcoming;
    this.upcoming = next(sequence);
    if (this.taken < NUMBERS) this.taken++;
    return sequence;
  }

  /** True if a message was sent under this number. */
  wasTaken(sequence: number): boolean {
    return (sequence - this.first) >>> 0 < this.taken;
  }

  /** The number that the next message will have. */
  get next(): number {
    return this.upcoming;
  }
}

/** The numbers of one sender. */
export class SequenceTracker {
  /** The last number accepted, -1 before the first. */
  private last = -1;

  get heard(): boolean {
    return this.last >= 0;
  }

  /** The last number accepted. */
  get lastReceived(): number {
    return this.last;
  }

  /** The number that is to come next. */
  get expected(): number {
    return next(this.last);
  }

  orderOf(sequence: number): SequenceOrder {
    if (!this.heard) return SequenceOrder.FIRST;
    if (sequence === this.expected) return SequenceOrder.NEXT;
    return this.hasPassed(sequence) ? SequenceOrder.STALE : SequenceOrder.AHEAD;
  }

  /** True if this number, or a later one, was accepted. */
  hasPassed(sequence: number): boolean {
    return this.heard && before(sequence, this.expected);
  }

  accept(sequence: number): void {
    this.last = sequence;
  }
}

/** What the numbers of received messages tell. */
export interface SequenceCounters {
  /** Messages that never came, or came later under another number. */
  lost: number;
  /** Messages that came late or twice. */
  stale: number;
  /** ACK messages about numbers that were never sent. */
  unfoundedAcks: number;
}

/** Follows the numbers of a sender for the statistics alone, where every message is taken: counts gaps and repeats. */
export function follow(numbers: SequenceTracker, sequence: number, counters: SequenceCounters): void {
  const place = numbers.orderOf(sequence);
  if (place === SequenceOrder.AHEAD) counters.lost += span(numbers.expected, previous(sequence));
  else if (place === SequenceOrder.STALE) counters.stale++;
  numbers.accept(sequence);
}
