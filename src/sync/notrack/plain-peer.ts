import { LINKS_MAX } from '../engine.ts';
import { InterleavedSequences } from '../interleaved-sequences.ts';
import type { Allowance } from '../limits/allowance.ts';
import { Presence } from '../presence.ts';

/** Numbers of peers have 12 bits, and are not 0. */
const NUMBERS = 0xfff;

/** How far a peer's answer to the last request is. */
export const AnswerState = {
  /** Not asked, or not to be looked at any more. */
  NONE: 0,
  /** Asked, and not answered yet. */
  OPEN: 1,
  /** It has sent all that it has. */
  COMPLETE: 2,
  /** It has sent what it has, but nothing shows that this was all: what is dead may still be there. */
  DOUBTFUL: 3,
} as const;
export type AnswerState = (typeof AnswerState)[keyof typeof AnswerState];

/** What NOTRACK keeps for one sender. Times are in milliseconds. */
export class PlainPeer {
  readonly sequences: InterleavedSequences;
  readonly presence = new Presence();
  /** Stands for the peer in the marks of its records. */
  readonly number: number;
  /** The same, and the numbers that it had on other links. */
  readonly numbers: Set<number>;
  /** The sender of its last message, as the engine is told it. */
  sender = 0;
  /** Whether it tells when it has sent everything: it is one of ours. */
  tells = false;
  /** Whether its last message was an ALIVE: then it has sent all that was queued, and nothing for a second. */
  isQuiet = false;
  state: AnswerState = AnswerState.NONE;
  /** Whether no number was missing, late or elsewhere since it was asked. */
  isClean = true;
  /** Whether it was quiet when it was asked: no earlier bulk was under way. */
  wasQuiet = false;
  askedAt = Number.NEGATIVE_INFINITY;
  /** When its last record came since it was asked. */
  progressAt = Number.NEGATIVE_INFINITY;
  /** Answers since the last good one that nothing shows to be answers. */
  doubts = 0;

  /** @param losses see {@link InterleavedSequences} */
  constructor(number: number, losses: Allowance) {
    this.sequences = new InterleavedSequences(losses);
    this.number = 1 + ((number - 1) % NUMBERS);
    this.numbers = new Set([this.number]);
  }

  /** The link that its last message came on. */
  get link(): number {
    return this.sender % LINKS_MAX;
  }

  beginRound(now: number): void {
    this.state = AnswerState.OPEN;
    this.isClean = true;
    this.wasQuiet = this.isQuiet;
    this.askedAt = now;
    this.progressAt = now;
  }
}
