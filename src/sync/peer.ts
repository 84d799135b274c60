import { before, span } from '../wire/sequence.ts';
import type { Member } from './roster.ts';
import { SequenceTracker } from './sequence.ts';

/** A HELLO so soon after the last one may be a copy of it, or was overtaken by it; in milliseconds. */
export const LATE = 3000;

/** A number so little before or after another one is of the same series. */
export const NEAR = 65_536;

/** True if two numbers may be of the same series. */
export function isNear(one: number, other: number): boolean {
  return span(one, other) <= NEAR || span(other, one) <= NEAR;
}

/** Former selves of a peer that are remembered at most: it hardly starts more often within {@link LATE}. */
const FORMER_SELVES_MAX = 4;

/** What a peer was that began anew while it was greeting: its first HELLO's number, and until when its HELLOs may come late. */
interface FormerSelf {
  readonly greetingFrom: number;
  readonly until: number;
}

/** What FT-FW knows of one sender. */
export class Peer implements Member {
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
  greeting = false;
  greetingFrom = 0;
  greetedAt = Number.NEGATIVE_INFINITY;
  /** The first of its messages that was taken and did not say HELLO, -1 if all have: none behind it says HELLO. */
  private greetedUpTo = -1;
  /** Whether it has acknowledged anything of ours since it began. */
  hasAcknowledged = false;
  /** When messages began to be behind, -1 if the last one was not, and the last of them. */
  behindSince = -1;
  lastBehind = 0;
  /** The first of the messages that were behind and will be asked for if their series goes on, -1 if there is none. */
  passedOverFrom = -1;
  /** The latest last. */
  private readonly formerSelves: FormerSelf[] = [];

  /** It has begun anew, with this number. */
  beginAt(sequence: number, now: number): void {
    this.greetingFrom = sequence;
    this.greetedAt = now;
    this.greetedUpTo = -1;
    this.behindSince = -1;
  }

  /** A message that does not say HELLO was taken. */
  endGreeting(sequence: number): void {
    if (this.greetedUpTo < 0) this.greetedUpTo = sequence;
  }

  /**
   * True if a HELLO under this number cannot be a copy of one of its own, or late: what was taken under it, and before, said
   * none. Ahead of what was taken it may be one: C sends a control message again as it was, under a new number.
   */
  saidNoHelloAt(sequence: number): boolean {
    return this.greetedUpTo >= 0 && !before(sequence, this.greetedUpTo) && this.numbers.hasPassed(sequence);
  }

  /** The self that is greeting gives way to another one. */
  rememberSelf(now: number): void {
    if (this.formerSelves.length === FORMER_SELVES_MAX) this.formerSelves.shift();
    this.formerSelves.push({ greetingFrom: this.greetingFrom, until: now + LATE });
  }

  /** True if a former self may have said HELLO under this number, heard or not. */
  isOfFormerGreeting(sequence: number, now: number): boolean {
    return this.formerSelves.some(({ greetingFrom, until }) => now < until && isNear(greetingFrom, sequence));
  }

  /** The message after those that were behind is not: they were copies, if they were of its series. */
  goesOnWith(sequence: number): void {
    this.behindSince = -1;
    if (isNear(this.lastBehind, sequence)) this.passedOverFrom = -1;
  }

  /** True if the messages passed over are of the series that this number belongs to, and before it. */
  hasPassedOverUpTo(sequence: number): boolean {
    const from = this.passedOverFrom;
    return from >= 0 && isNear(this.lastBehind, sequence) && !before(sequence, from);
  }

  openWindow(sequence: number): void {
    this.windowFrom = sequence;
    this.windowCount = 0;
  }

  get windowIsOpen(): boolean {
    return this.windowCount > 0;
  }
}
