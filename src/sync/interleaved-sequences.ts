import { before, next, previous, span } from '../wire/sequence.ts';
import type { Allowance } from './limits/allowance.ts';
import type { SequenceCounters } from './sequence.ts';

/** A number that is farther from the expected one is a restarted or another sender's, and says nothing of losses. */
const GAP_MAX = 65_536;
/** Series of numbers that are remembered for an address. */
const SERIES_MAX = 16;
/** So many returns to a series that was left show that several senders share the address. */
const RETURNS_MIN = 8;

/** What the number of a message shows. */
export const Continuation = {
  /** The first number from this address. */
  FIRST: 0,
  NEXT: 1,
  /** Numbers are missing before it. */
  GAP: 2,
  /** This number, or a later one, came before. */
  STALE: 3,
  /** It is far from all that came before: another beginning, or another sender. */
  ELSEWHERE: 4,
  /** It continues another series than the number before it did. */
  OTHER_SERIES: 5,
} as const;
export type Continuation = (typeof Continuation)[keyof typeof Continuation];

/**
 * Counts gaps and repeats in the numbers that come from one address, where every message is taken. As a rule one node sends
 * from an address. A program that copies datagrams (a fan-out over loopback, say) sends those of several nodes from one: their
 * series interleave. When numbers have gone back to where another series was left often enough, each series is followed by
 * itself, and only gaps within one count.
 */
export class InterleavedSequences {
  /** The numbers that come next in each series; the one that was continued last is at the end. */
  private readonly expected: number[] = [];
  private returns = 0;
  private readonly losses: Allowance;

  /** @param losses how many numbers that seem to be missing count as lost */
  constructor(losses: Allowance) {
    this.losses = losses;
  }

  /** Whether several senders share the address. */
  get isShared(): boolean {
    return this.returns >= RETURNS_MIN;
  }

  /** Counts what the number of a message that comes now (milliseconds) shows, accepts it, and returns what it shows. */
  accept(sequence: number, counters: SequenceCounters, now: number): Continuation {
    const { expected } = this;
    const known = expected.lastIndexOf(sequence);
    const isInOrder = known >= 0 && known === expected.length - 1;
    if (known >= 0 && !isInOrder && !this.isShared) this.returns++;
    if (known >= 0 && (isInOrder || this.isShared)) {
      this.continue(known, sequence);
      return isInOrder ? Continuation.NEXT : Continuation.OTHER_SERIES;
    }
    const index = this.isShared ? this.nearest(sequence) : expected.length - 1;
    const shown = this.count(index, sequence, counters, now);
    const isNew = shown === Continuation.FIRST || shown === Continuation.ELSEWHERE;
    if (this.isShared) this.continue(isNew ? -1 : index, sequence);
    else this.continue(known, sequence);
    return shown;
  }

  /** Counts a number that series `index` did not expect; -1 is no series. */
  private count(index: number, sequence: number, counters: SequenceCounters, now: number): Continuation {
    if (index < 0) return Continuation.FIRST;
    const wanted = this.expected[index]!;
    if (before(sequence, wanted)) {
      if (span(sequence, wanted) > GAP_MAX) return Continuation.ELSEWHERE;
      counters.stale++;
      return Continuation.STALE;
    }
    if (span(wanted, sequence) > GAP_MAX) return Continuation.ELSEWHERE;
    counters.lost += this.losses.take(span(wanted, previous(sequence)), now);
    return Continuation.GAP;
  }

  /** The series whose expected number is nearest to this one, -1 if there is none. */
  private nearest(sequence: number): number {
    let nearest = -1;
    let least = Number.POSITIVE_INFINITY;
    this.expected.forEach((wanted, index) => {
      const distance = Math.min(span(wanted, sequence), span(sequence, wanted));
      if (distance >= least) return;
      nearest = index;
      least = distance;
    });
    return nearest;
  }

  /** Series `index`, or a new one, goes on behind this number. */
  private continue(index: number, sequence: number): void {
    const { expected } = this;
    const upcoming = next(sequence);
    if (index >= 0 && index === expected.length - 1) {
      expected[index] = upcoming;
      return;
    }
    if (index >= 0) expected.splice(index, 1);
    else if (expected.length === SERIES_MAX) expected.shift();
    expected.push(upcoming);
  }
}
