import { before, next } from '../wire/sequence.ts';

/** How a message's sequence number follows those that were received from its sender. */
export const SequenceOrder = {
  /** The first number from this sender, or since it restarted. */
  FIRST: 0,
  /** The number that was expected. */
  NEXT: 1,
  /** Numbers are missing before it. */
  AHEAD: 2,
  /** This number, or a later one, was received before. */
  STALE: 3,
  /** It is of another series, which may be the sender's next one, or somebody else's. */
  DOUBTED: 4,
} as const;
export type SequenceOrder = (typeof SequenceOrder)[keyof typeof SequenceOrder];

/** Sequence numbers are 32 bits wide. */
const SEQUENCES = 2 ** 32;

/** Our own sequence numbers: every message that is sent takes the next. */
export class SequenceSource {
  private upcoming: number;
  private readonly first: number;
  /** How many numbers were taken, at most all of them. */
  private taken = 0;

  constructor(first: number) {
    this.first = first >>> 0;
    this.upcoming = this.first;
  }

  take(): number {
    const sequence = this.upcoming;
    this.upcoming = next(sequence);
    if (this.taken < SEQUENCES) this.taken++;
    return sequence;
  }

  /** The next message has this number; those before it count as sent. */
  skipTo(sequence: number): void {
    this.taken = Math.min(SEQUENCES, this.taken + ((sequence - this.upcoming) >>> 0));
    this.upcoming = sequence >>> 0;
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

/** The sequence numbers that were received from one sender. */
export class SequenceTracker {
  /** The last number accepted, -1 before the first. */
  private lastAccepted = -1;

  /** True before the first number. */
  get isEmpty(): boolean {
    return this.lastAccepted < 0;
  }

  /** The last number accepted, -1 before the first. */
  get last(): number {
    return this.lastAccepted;
  }

  /** The number that comes next if nothing is lost. */
  get expected(): number {
    return next(this.lastAccepted);
  }

  orderOf(sequence: number): SequenceOrder {
    if (this.isEmpty) return SequenceOrder.FIRST;
    if (sequence === this.expected) return SequenceOrder.NEXT;
    return this.hasPassed(sequence) ? SequenceOrder.STALE : SequenceOrder.AHEAD;
  }

  /** True if this number, or a later one, was accepted. */
  hasPassed(sequence: number): boolean {
    return !this.isEmpty && before(sequence, this.expected);
  }

  accept(sequence: number): void {
    this.lastAccepted = sequence;
  }
}

/** What the sequence numbers of received messages show. */
export interface SequenceCounters {
  /** Messages that did not come, or only later, under another number. */
  lost: number;
  /** Messages that came late or twice. */
  stale: number;
  /** ACK messages about numbers that were never sent. */
  unfoundedAcks: number;
  /** HELLOs under the address of a peer whose numbers went on as before. */
  falseHellos: number;
}
