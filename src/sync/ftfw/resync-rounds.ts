import { Flag } from '../../wire/header.ts';
import { before } from '../../wire/sequence.ts';
import type { Answer, Answers } from '../answer.ts';
import type { PeerTable } from '../peer-table.ts';
import type { Peer } from './peer.ts';
import { PATIENCE_MS, type PeerRound, REPAIR_MS } from './peer-round.ts';

/** Milliseconds between two requests of ours for everything. */
const ASK_INTERVAL_MS = 1000;
/** How often a round is repeated. After that, something else must happen before the peer is asked again. */
const ATTEMPTS_MAX = 5;
/** A peer that says nothing for so long, in ms, is not there: it could not tell of more. */
const SILENCE_MS = 1500;

const GENERATION_BITS = 20;
const GENERATION_MASK = (1 << GENERATION_BITS) - 1;

function isMarkOf(mark: number, peer: number): boolean {
  return mark >>> GENERATION_BITS === peer;
}

/** What of a peer is known to be missing. */
interface Gaps {
  /**
   * Whether a NACK of ours that asks for more than the numbers up to this one may not have reached the peer: then what it asked for is
   * still missing.
   */
  asksFor(peer: Peer, sequence: number): boolean;
  /** Whether something is missing now that the peer may send again. */
  lacks(peer: Peer, now: number): boolean;
}

/**
 * Requests for everything, and what may be concluded from their answers. Each request begins a round. Records that a peer
 * sends after it are marked with the round; once the peer has sent all that it has, its records without that mark are dead.
 *
 * A peer of our kind says when it has sent everything: it acknowledges the request once more, with the flag ANSWERED. A C node
 * sends in the order of queueing, so its ACK of the request comes after everything. Of a C node only a round counts in
 * which nothing was lost, because its resend queue may have dropped what was lost; in which nothing was stale, because the
 * numbers of a C node that restarts soon begin among those that were received; and whose request did not have HELLO, because C
 * acknowledges what it did not receive before a HELLO.
 */
export class ResyncRounds implements Answers {
  private readonly peers: PeerTable<Peer>;
  private generation = 0;
  /** The number under which the last request was sent, -1 if it was not sent yet. */
  private requestSequence = -1;
  /** What the last request is called in a group of ours, -1 if it has no name. */
  private requestName = -1;
  /** Whether a C node acknowledges the request only if it has it. */
  private isAckReliable = false;
  private isAskPending = false;
  private lastAskAt = Number.NEGATIVE_INFINITY;
  private isCommanded = false;
  /** Whether something happened since the last request: a missing answer alone brings a few more requests only. */
  private hasCause = false;
  private lastMark = 0;
  /** When the open rounds are to be looked at although no message comes, in milliseconds; infinity if none is open. */
  private reviewAt = Number.POSITIVE_INFINITY;
  private isAnyOpen = false;
  private complete: Peer[] = [];
  private readonly gaps: Gaps;

  constructor(peers: PeerTable<Peer>, gaps: Gaps) {
    this.peers = peers;
    this.gaps = gaps;
  }

  /** The mark of records that the last message brought: the peer's number above, the round below. */
  get mark(): number {
    return this.lastMark;
  }

  /** What peers say of the end of their answers is enough. */
  readonly needsEvidence = false;

  /** When {@link handleTimeout} is due, in milliseconds; infinity if it is not. */
  pollTimeout(): number {
    const askAt = this.isAskPending ? this.lastAskAt + ASK_INTERVAL_MS : Number.POSITIVE_INFINITY;
    return Math.min(askAt, this.reviewAt);
  }

  handleTimeout(now: number): void {
    if (this.isAskDue(now)) {
      this.isCommanded = true;
      this.isAskPending = false;
    }
    if (now >= this.reviewAt) this.reviewAt = Number.POSITIVE_INFINITY;
  }

  /** The peers are to be asked for everything, as soon as the interval allows. */
  ask(): void {
    this.hasCause = true;
    if (!this.isCommanded) this.isAskPending = true;
  }

  noteRoom(): void {
    this.ask();
  }

  /** The peers are to be asked with the next transmission. */
  command(): void {
    this.hasCause = true;
    this.isCommanded = true;
    this.isAskPending = false;
  }

  /** True if the peers are to be asked, now or soon. */
  get isAskOutstanding(): boolean {
    return this.isCommanded || this.isAskPending;
  }

  /** True if the peers are to be asked now. */
  isAskDue(now: number): boolean {
    return this.isCommanded || (this.isAskPending && now >= this.lastAskAt + ASK_INTERVAL_MS);
  }

  /** A request is queued: a round begins with every peer. @param name what it is called, -1 if it has no name */
  begin(name: number, now: number): void {
    this.isAskPending = false;
    this.isCommanded = false;
    this.lastAskAt = now;
    this.reviewAt = now + PATIENCE_MS;
    this.generation = (this.generation + 1) & GENERATION_MASK;
    this.requestSequence = -1;
    this.requestName = name;
    this.complete = [];
    for (const { round, received } of this.peers.states()) {
      round.begin(!this.hasCause, received.last, now);
      this.isAnyOpen = true;
    }
    this.hasCause = false;
  }

  /** The request is sent under this number. @param isAckReliable whether a C node acknowledges it only if it has it */
  noteSent(sequence: number, isAckReliable: boolean): void {
    this.requestSequence = sequence;
    this.isAckReliable = isAckReliable;
  }

  /** A message of this peer was taken. @param isData whether it has a record */
  noteTaken(peer: Peer, isData: boolean, now: number): void {
    this.lastMark = ((peer.number << GENERATION_BITS) | this.generation) >>> 0;
    peer.round.heardAt = now;
    if (isData) peer.round.progressAt = now;
  }

  /** A report of this peer came. */
  noteReport({ round }: Peer, now: number): void {
    round.heardAt = now;
  }

  /** A message of this peer, or one to it, was lost. */
  noteLoss(peer: Peer, now: number): void {
    peer.round.noteMissing(now);
  }

  /** The peer misses messages of ours: so it hears later ones. */
  noteNack(peer: Peer, now: number): void {
    this.noteLoss(peer, now);
    peer.round.noteHearing();
    this.isAnyOpen ||= peer.round.isOpen;
  }

  /** A message of this peer was stale: a copy, or of an incarnation that we do not know of. */
  noteStale(peer: Peer): void {
    peer.round.isDisturbed = true;
  }

  /** The peer acknowledged these numbers in a message with these flags. */
  noteAck(peer: Peer, from: number, to: number, flags: number, now: number): void {
    const { requestSequence } = this;
    if (requestSequence < 0 || before(requestSequence, from) || before(to, requestSequence)) return;
    this.noteProgress(peer, flags, now);
  }

  /** In a group, a peer says that it has answered a request: of this name, or of these numbers. */
  noteAnswer(peer: Peer, from: number, to: number, flags: number, now: number): void {
    if (from === this.requestName) this.noteProgress(peer, flags, now);
    else this.noteAck(peer, from, to, flags, now);
  }

  private noteProgress({ round, tells, member }: Peer, flags: number, now: number): void {
    round.progressAt = now;
    round.noteHearing();
    this.isAnyOpen ||= round.isOpen;
    if (round.isAnswered) return;
    if (!this.isAnswer(round, flags)) {
      // C sends its ACK behind everything, and this one does not count.
      if (!tells && !member.hasAnnounced && this.isAckReliable) round.isFutile = true;
      return;
    }
    round.isAnswered = true;
    // The answer may come after the node gave up asking.
    round.isOpen = true;
    this.isAnyOpen = true;
  }

  private isAnswer(round: PeerRound, flags: number): boolean {
    if (flags & Flag.TELLS_ANSWERED) return (flags & Flag.ANSWERED) !== 0;
    return this.isAckReliable && !round.isDisturbed;
  }

  /** Whether nothing that this peer sent is missing, and nobody else's records are beside them. */
  isComparable({ number, round }: Peer, now: number): boolean {
    for (const peer of this.peers.states()) if (peer.number !== number) return false;
    return !round.isOpen && now - round.disturbedAt >= REPAIR_MS;
  }

  /**
   * Looks at the open rounds, after each batch of messages and timeouts: notes peers that have sent all that they have, and asks
   * again where an answer does not come. Returns whether {@link takeAnswers} has something.
   */
  review(now: number): boolean {
    if (!this.isAnyOpen) return false;
    this.isAnyOpen = false;
    this.reviewAt = Number.POSITIVE_INFINITY;
    for (const peer of this.peers.states()) {
      const { round } = peer;
      if (!round.isOpen) continue;
      this.isAnyOpen = true;
      if (this.gaps.lacks(peer, now)) round.noteMissing(now);
      // In a group what was lost may be forgotten because it changed since: only what comes later shows whether that came.
      const isRepaired = (peer.member.hasAnnounced ? round.heardAt : now) - round.disturbedAt >= REPAIR_MS;
      if (now - round.heardAt < SILENCE_MS && (isRepaired || round.repeatsAtOnce)) this.reviewPeer(peer, now);
      this.reviewAt = Math.min(this.reviewAt, round.nextReviewAt(now));
    }
    return this.complete.length > 0;
  }

  takeAnswers(): readonly Answer[] {
    const { complete } = this;
    this.complete = [];
    return complete.map(({ number }) => ({
      ends: 'told',
      isStale: (mark) => isMarkOf(mark, number) && (mark & GENERATION_MASK) !== this.generation,
      judge: () => {},
    }));
  }

  private reviewPeer(peer: Peer, now: number): void {
    const { round } = peer;
    // What made the node ask again may have taken part of an answer away.
    if (this.isAskOutstanding) return;
    // Time alone does not show that nothing is missing: a node that was halted has waited for nothing.
    if (round.isAnswered && !this.gaps.asksFor(peer, round.askedBehind)) {
      round.isOpen = false;
      this.complete.push(peer);
    } else if (round.isOverdue(now)) {
      if (round.attempts >= ATTEMPTS_MAX) round.isOpen = false;
      else this.isAskPending = !this.isCommanded;
    }
  }
}
