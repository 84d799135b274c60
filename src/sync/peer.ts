import { before, span } from '../wire/sequence.ts';
import type { AckPeer } from './ack-tracker.ts';
import { SequenceTracker } from './sequence.ts';

/** A HELLO so soon after the last one may be a copy of it, or was overtaken by it; in milliseconds. */
export const LATE_MS = 3000;

/** A number so little before or after another one is of the same series. */
export const NEAR = 65_536;

/** True if two numbers may be of the same series. */
export function isNear(one: number, other: number): boolean {
  return span(one, other) <= NEAR || span(other, one) <= NEAR;
}

/** Former selves of a peer that are remembered at most: it hardly starts more often within {@link LATE_MS}. */
const PREVIOUS_INCARNATIONS_MAX = 4;

/** What a peer was that began anew while it was greeting: its first HELLO's number, and until when its HELLOs may come late. */
interface PreviousIncarnation {
  readonly helloFrom: number;
  readonly until: number;
}

/** What FT-FW knows of one sender. */
export class Peer implements AckPeer {
  readonly numbers = new SequenceTracker();
  bit = 0;
  heardAt = 0;
  /** Where it was heard last. */
  link = 0;
  /** Messages in the open window, 0 if none is open. */
  windowCount = 0;
  /** The first number of the open window. */
  windowFrom = 0;
  /** Whether its last message said HELLO, the number of the first one that did, and when one did last or it was adopted. */
  sendsHello = false;
  helloFrom = 0;
  helloAt = Number.NEGATIVE_INFINITY;
  /** The first of its messages that was taken and did not say HELLO, -1 if all have: none behind it says HELLO. */
  private helloEnd = -1;
  /** Whether it has acknowledged anything of ours since it began. */
  hasAcknowledged = false;
  /** When messages began to be behind, -1 if the last one was not, and the last of them. */
  staleSince = -1;
  lastStale = 0;
  /** The first of the messages that were behind and will be asked for if their series goes on, -1 if there is none. */
  staleFrom = -1;
  /** The latest last. */
  private readonly previousIncarnations: PreviousIncarnation[] = [];

  /** It has begun anew, with this number. */
  beginAt(sequence: number, now: number): void {
    this.helloFrom = sequence;
    this.helloAt = now;
    this.helloEnd = -1;
    this.staleSince = -1;
  }

  /** A message that does not say HELLO was taken. */
  endHello(sequence: number): void {
    if (this.helloEnd < 0) this.helloEnd = sequence;
  }

  /**
   * True if a HELLO under this number cannot be a copy of one of its own, or late: what was taken under it, and before, said
   * none. Ahead of what was taken it may be one: C sends a control message again as it was, under a new number.
   */
  isPastHello(sequence: number): boolean {
    return this.helloEnd >= 0 && !before(sequence, this.helloEnd) && this.numbers.hasPassed(sequence);
  }

  /** The self that is greeting gives way to another one. */
  rememberIncarnation(now: number): void {
    if (this.previousIncarnations.length === PREVIOUS_INCARNATIONS_MAX) this.previousIncarnations.shift();
    this.previousIncarnations.push({ helloFrom: this.helloFrom, until: now + LATE_MS });
  }

  /** True if a former self may have said HELLO under this number, heard or not. */
  isPreviousHello(sequence: number, now: number): boolean {
    return this.previousIncarnations.some(
      ({ helloFrom: greetingFrom, until }) => now < until && isNear(greetingFrom, sequence),
    );
  }

  /** The message after those that were behind is not: they were copies, if they were of its series. */
  endStale(sequence: number): void {
    this.staleSince = -1;
    if (isNear(this.lastStale, sequence)) this.staleFrom = -1;
  }

  /** True if the messages passed over are of the series that this number belongs to, and before it. */
  hasStaleUpTo(sequence: number): boolean {
    const from = this.staleFrom;
    return from >= 0 && isNear(this.lastStale, sequence) && !before(sequence, from);
  }

  openWindow(sequence: number): void {
    this.windowFrom = sequence;
    this.windowCount = 0;
  }

  get windowIsOpen(): boolean {
    return this.windowCount > 0;
  }
}
