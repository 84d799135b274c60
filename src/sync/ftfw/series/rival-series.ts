import { before, next, previous } from '../../../wire/sequence.ts';
import type { SequenceTracker } from '../../sequence.ts';
import type { AckWindow } from '../ack/ack-window.ts';
import type { SeriesPulse } from './series-pulse.ts';

const NONE = -1;

/** What was taken of a series while it was the one that is taken. */
interface Departed {
  /** When another series replaced it, in milliseconds. */
  readonly at: number;
  /** The last number. */
  readonly takenTo: number;
  /** The first number that was not acknowledged, -1 if there is none. */
  readonly unacknowledgedFrom: number;
  /** Whether its numbers followed each other. */
  readonly wasProven: boolean;
}

/**
 * Numbers under a peer's address that are not of the series that is taken: those of its next incarnation, those of the series that was
 * taken before, or what somebody made up. None of its messages is taken before the series is.
 */
export class RivalSeries {
  /** Set if the series was taken before. */
  readonly departed: Departed | undefined;
  /** The first number that was not taken: what has come from there on is to be asked for if the series is taken. */
  first: number;
  /** The last number. */
  last: number;
  /** How many numbers have followed each other until now. */
  run = 0;
  /** When its last message came, in milliseconds. */
  heardAt = Number.NEGATIVE_INFINITY;
  /** Whether its last message had HELLO. */
  saysHello = false;
  /** HELLOs that nothing has shown to be false yet. */
  hellos = 0;
  private runStart = Number.NEGATIVE_INFINITY;
  private isReported = false;

  private constructor(first: number, departed?: Departed) {
    this.first = first;
    this.last = previous(first);
    this.departed = departed;
  }

  /** A series that nothing is known of but this number, which is to be noted next. */
  static from(sequence: number): RivalSeries {
    return new RivalSeries(sequence);
  }

  /** The series that is taken until now. */
  static departing(
    { last, expected }: SequenceTracker,
    window: AckWindow,
    pulse: SeriesPulse,
    now: number,
  ): RivalSeries {
    const rival = new RivalSeries(expected, {
      at: now,
      takenTo: last,
      unacknowledgedFrom: window.isOpen ? window.first : NONE,
      wasProven: pulse.wasProven,
    });
    rival.heardAt = pulse.takenAt;
    return rival;
  }

  /** A message came whose number was taken while the series was: a copy, or of another incarnation with numbers near it. */
  noteCopy(sequence: number): void {
    if (before(sequence, this.first)) this.first = sequence;
  }

  /** A message of it came. */
  note(sequence: number, isHello: boolean, now: number): void {
    this.heardAt = now;
    this.saysHello = isHello;
    if (isHello) this.hellos++;
    if (before(sequence, this.first)) this.first = sequence;
    if (!before(this.last, sequence)) return;
    if (sequence !== next(this.last) || this.run === 0) {
      this.run = 0;
      this.runStart = now;
      this.isReported = false;
    }
    this.run++;
    this.last = sequence;
  }

  /** Whether this number was taken while the series was. */
  hasTaken(sequence: number): boolean {
    return this.departed !== undefined && !before(this.departed.takenTo, sequence);
  }

  /** The numbers that were taken of it and not acknowledged, if nothing shows that others have them now. */
  get unacknowledged(): { readonly from: number; readonly to: number } | undefined {
    const { departed } = this;
    if (departed === undefined || departed.unacknowledgedFrom < 0 || this.hasTaken(this.first))
      return undefined;
    return { from: departed.unacknowledgedFrom, to: departed.takenTo };
  }

  /** Returns for how long its numbers have followed each other, in milliseconds, once, when that is as long as this; else 0. */
  takeReport(ageMs: number, now: number): number {
    const runMs = now - this.runStart;
    if (this.isReported || runMs < ageMs) return 0;
    this.isReported = true;
    return runMs;
  }
}
