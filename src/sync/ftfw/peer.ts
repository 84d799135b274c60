import { before, next, span } from '../../wire/sequence.ts';
import { LINKS_MAX } from '../engine.ts';
import { Presence } from '../presence.ts';
import { SequenceTracker } from '../sequence.ts';
import type { ProbedPeer } from './ack/ack-probe.ts';
import type { AckPeer } from './ack/ack-tracker.ts';
import { AckWindow } from './ack/ack-window.ts';
import { Member } from './group/member.ts';
import { PeerRound } from './peer-round.ts';
import type { Identity } from './series/identity.ts';
import { Rivals } from './series/rivals.ts';
import { LATE_MS, SeriesPulse } from './series/series-pulse.ts';
import { areInOneSeries } from './series/series-span.ts';

/** A run of stale messages of so long, in ms, is reported. */
const STALE_REPORT_MS = 1000;

const NONE = -1;

/** The state that FT-FW keeps for one sender. */
export class Peer implements AckPeer, ProbedPeer {
  /** The numbers that we accepted from it. */
  readonly received = new SequenceTracker();
  readonly window = new AckWindow();
  /** Whether the series of these numbers goes on. */
  readonly pulse = new SeriesPulse();
  /** Other series of numbers that came under its address. */
  readonly rivals = new Rivals();
  readonly round = new PeerRound();
  readonly member = new Member();
  readonly presence = new Presence();
  /** A node that restarts on another link has a new state, and is still itself. */
  identity: Identity;
  bit = 0;
  evictedFrom = NONE;
  evictedTo = NONE;
  goneFrom = NONE;
  /** The sender of its last message, as the engine is told it. */
  sender = 0;
  answeredProbe = 0;
  /** Whether it says when it has answered a request in full: it is one of ours. */
  tells = false;
  /** Whether it has acknowledged anything since it started. */
  hasAcknowledged = false;
  /** The highest number of ours that it has acknowledged, -1 if there is none; and what that was when it was looked at last. */
  acknowledgedTo = NONE;
  skippedTo = NONE;
  /** The first of its numbers that are missing and asked for, -1 if there are none. */
  missesFrom = NONE;
  /** Whether its last message had HELLO. */
  sendsHello = false;
  /** The number of the first HELLO of this incarnation. */
  firstHello = 0;
  /** When its last HELLO came, or when it was adopted without one. */
  helloAt = Number.NEGATIVE_INFINITY;
  /**
   * The first number taken without HELLO, -1 if there is none: no later message of this incarnation has HELLO.
   */
  private firstWithoutHello = NONE;
  /** The last consecutive numbers taken with HELLO, -1 if there are none. */
  private helloFrom = NONE;
  private helloTo = NONE;
  /** When the run of stale messages began, -1 if the last message was not stale. */
  private staleRunStart = NONE;
  private lastStale = 0;
  /** Whether the run of stale messages was reported. */
  private isStaleRunReported = false;
  /** The number of our next message when its last one was taken. */
  private ourNext = 0;
  /** Whether it may have restarted unnoticed. */
  private isDoubtful = false;
  /** The first of the stale messages to request if the peer continues from them, -1 if there are none. */
  private skippedFrom = NONE;

  constructor(identity: Identity) {
    this.identity = identity;
  }

  /** Stands for the node in the marks of its records. */
  get number(): number {
    return this.identity.number;
  }

  /** The link that its last message came on. */
  get link(): number {
    return this.sender % LINKS_MAX;
  }

  get heardAt(): number {
    return this.presence.heardAt;
  }

  /** A message with this number is taken. @param ourNext the number of our next message */
  accept(sequence: number, ourNext: number): void {
    this.received.accept(sequence);
    this.ourNext = ourNext;
  }

  /** The same, of a message that is to be acknowledged. */
  take(sequence: number, ourNext: number): void {
    const { window } = this;
    if (!window.isOpen) window.start(sequence);
    this.accept(sequence, ourNext);
    window.add();
  }

  /** Whether this number of ours was sent after the last message of the peer was taken, if it was sent at all. */
  isSentSince(ours: number): boolean {
    return !before(ours, this.ourNext);
  }

  /** An ACK of it has a flag that C does not know. */
  noteFlags(): void {
    this.tells = true;
    this.member.noteFlags();
  }

  /** The peer restarted, with this number. */
  restart(sequence: number, now: number): void {
    this.firstHello = sequence;
    this.helloAt = now;
    this.firstWithoutHello = NONE;
    this.helloFrom = NONE;
    this.helloTo = NONE;
    this.staleRunStart = NONE;
  }

  /**
   * A message with HELLO was taken. Behind one without HELLO it is a control message that C resends unchanged, or the peer
   * restarted with a number that follows.
   */
  noteHello(sequence: number): void {
    if (this.firstWithoutHello !== NONE && !before(sequence, this.firstWithoutHello)) this.isDoubtful = true;
    if (this.helloTo === NONE || sequence !== next(this.helloTo)) this.helloFrom = sequence;
    this.helloTo = sequence;
  }

  /** A message without HELLO was taken. */
  endHello(sequence: number): void {
    if (this.firstWithoutHello === NONE) this.firstWithoutHello = sequence;
  }

  /**
   * True if a HELLO with this number is neither a copy nor late, because we took a message without HELLO under this
   * number or an earlier one. That does not hold for numbers ahead of those that we took, nor for copies of the HELLOs
   * that we took there: C resends a control message with its old flags under a new number.
   */
  isPastHello(sequence: number): boolean {
    const first = this.firstWithoutHello;
    return (
      first !== NONE &&
      !before(sequence, first) &&
      this.received.hasPassed(sequence) &&
      !this.hasTakenAsHello(sequence)
    );
  }

  /** Whether this number was taken, with HELLO. */
  hasTakenAsHello(sequence: number): boolean {
    return this.helloTo !== NONE && span(this.helloFrom, sequence) <= span(this.helloFrom, this.helloTo);
  }

  /** Returns whether the run of stale messages is so old, in milliseconds, and was not reported yet. */
  takeStaleReport(ageMs: number): boolean {
    if (ageMs < STALE_REPORT_MS || this.isStaleRunReported) return false;
    this.isStaleRunReported = true;
    return true;
  }

  /** Notes a stale message. Returns for how long all messages have been stale and in order, in milliseconds. */
  noteStale(sequence: number, now: number): number {
    if (this.staleRunStart === NONE || sequence !== next(this.lastStale)) {
      this.staleRunStart = now;
      this.isStaleRunReported = false;
    }
    if (!this.continuesSkipped(sequence)) this.skippedFrom = sequence;
    this.lastStale = sequence;
    return now - this.staleRunStart;
  }

  /** Whether the run of stale messages ends with this number. */
  isInStaleRun(sequence: number): boolean {
    return this.staleRunStart !== NONE && this.lastStale === sequence;
  }

  /**
   * A message that is not stale ends the run of stale ones: they were copies, if they are of its series. But soon after a HELLO the
   * peer may have restarted with numbers among those that were taken with HELLO, and be past them now; where messages are missing
   * between, any of them may have been stale as well.
   */
  endStaleRun(sequence: number, now: number): void {
    if (this.staleRunStart === NONE) return;
    this.staleRunStart = NONE;
    const mayFollow = sequence === next(this.lastStale) || sequence !== this.received.expected;
    if (now - this.helloAt < LATE_MS && mayFollow) this.isDoubtful = true;
    if (areInOneSeries(this.lastStale, sequence)) this.skippedFrom = NONE;
  }

  /** It may have restarted unnoticed. */
  doubt(): void {
    this.isDoubtful = true;
  }

  /** Whether it may have restarted unnoticed since the last call. */
  takeDoubt(): boolean {
    const { isDoubtful } = this;
    this.isDoubtful = false;
    return isDoubtful;
  }

  /** The first of the skipped messages that this number continues, -1 if there are none. */
  skippedBefore(sequence: number): number {
    return this.continuesSkipped(sequence) ? this.skippedFrom : NONE;
  }

  clearSkipped(): void {
    this.skippedFrom = NONE;
  }

  private continuesSkipped(sequence: number): boolean {
    const from = this.skippedFrom;
    return from !== NONE && areInOneSeries(this.lastStale, sequence) && !before(sequence, from);
  }
}
