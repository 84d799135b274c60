import { after, next } from '../../src/wire/sequence.ts';
import type { Clock } from './clock.ts';

/** The node's own sequence numbers. The first is the clock in seconds, read when the first message is built. */
export class SequenceSource {
  private readonly clock: Clock;
  private upcoming: number | undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  take(): number {
    const sequence = this.upcoming ?? this.clock.seconds >>> 0;
    this.upcoming = next(sequence);
    return sequence;
  }
}

/** How a message's sequence number follows the last one received. */
export const SequenceOrder = {
  /** Nothing was received before. */
  FIRST: 0,
  NEXT: 1,
  /** Messages are missing before this one. */
  AHEAD: 2,
  STALE: 3,
} as const;
export type SequenceOrder = (typeof SequenceOrder)[keyof typeof SequenceOrder];

/** The last number received. C keeps one such state for all senders. */
export class SequenceTracker {
  /** In words of `-s network`: Packets lost. It is two too many for each gap. */
  lost = 0;
  /** Packets before. */
  behind = 0;
  private lastReceived: number | undefined;

  /** Returns the order of a number, and counts it. The number is not noted as received. */
  orderOf(sequence: number): SequenceOrder {
    if (this.lastReceived === undefined) return SequenceOrder.FIRST;
    if (sequence === next(this.lastReceived)) return SequenceOrder.NEXT;
    if (after(sequence, next(this.lastReceived))) {
      this.lost += (sequence - this.lastReceived + 1) >>> 0;
      return SequenceOrder.AHEAD;
    }
    this.behind++;
    return SequenceOrder.STALE;
  }

  accept(sequence: number): void {
    this.lastReceived = sequence;
  }

  /** True before anything was received. */
  get isEmpty(): boolean {
    return this.lastReceived === undefined;
  }

  /** The last number received, 0 before the first. */
  get last(): number {
    return this.lastReceived ?? 0;
  }

  /** The number that comes next if nothing is lost. */
  get expected(): number {
    return next(this.last);
  }
}
