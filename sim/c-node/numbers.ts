import { after, next } from '../../src/wire/sequence.ts';
import type { Clock } from './clock.ts';

/** The numbers that a node gives its messages: the first is the clock, in seconds, when the first message is built. */
export class OwnNumbers {
  private readonly clock: Clock;
  private following: number | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  take(): number {
    const number = this.following ?? this.clock.seconds >>> 0;
    this.following = next(number);
    return number;
  }
}

export const Order = {
  /** Nothing was received before. */
  FIRST: 0,
  IN_SYNC: 1,
  /** Messages are missing before this one. */
  AHEAD: 2,
  BEHIND: 3,
} as const;
export type Order = (typeof Order)[keyof typeof Order];

/** The last number received, from whomever: there is one such state for all senders. */
export class Tracker {
  /** In words of `-s network`: Packets lost. It is two too many for each gap. */
  lost = 0;
  /** Packets before. */
  behind = 0;
  private last: number | undefined;

  /** Says where a number stands, and counts. It does not become the last one by that. */
  order(sequence: number): Order {
    if (this.last === undefined) return Order.FIRST;
    if (sequence === next(this.last)) return Order.IN_SYNC;
    if (after(sequence, next(this.last))) {
      this.lost += (sequence - this.last + 1) >>> 0;
      return Order.AHEAD;
    }
    this.behind++;
    return Order.BEHIND;
  }

  received(sequence: number): void {
    this.last = sequence;
  }

  /** Something was received. */
  get begun(): boolean {
    return this.last !== undefined;
  }

  get lastReceived(): number {
    return this.last ?? 0;
  }

  /** The number that is expected next. */
  get expected(): number {
    return next(this.lastReceived);
  }
}
