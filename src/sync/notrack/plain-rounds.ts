import type { Answer, Answers } from '../answer.ts';
import { type EngineStatus, Missing } from '../engine.ts';
import { Continuation } from '../interleaved-sequences.ts';
import { PEER_GONE_MS, presenceOf } from '../peer-presence.ts';
import type { PeerTable } from '../peer-table.ts';
import { AskPace } from './ask-pace.ts';
import { AnswerState, type PlainPeer } from './plain-peer.ts';

/** A peer that has sent no record for so long since it was asked, in ms, is asked again. */
const PATIENCE_MS = 3000;
/** A C node that goes on sending has answered by then, in ms, or did not hear us. */
const PATIENCE_C_MS = 5000;
/** An ALIVE that comes sooner after the request, in ms, was sent before C had it. */
const QUIET_MS = 900;
/** Answers that may be doubtful one after the other until a peer is left alone. */
const DOUBTS_MAX = 5;
/** A peer that says nothing for so long, in ms, is not there. */
const SILENCE_MS = 1500;

const GENERATION_BITS = 20;
const GENERATION_MASK = (1 << GENERATION_BITS) - 1;

/**
 * Requests for everything in NOTRACK, and what may be concluded from their answers. Nothing is acknowledged there, and nothing is
 * sent again: whatever is amiss with a peer's numbers is a reason to ask, and makes the answer under way worthless.
 *
 * A request of ours has a name, a random number, in its range. One of ours repeats it when it has sent everything. A C node looks
 * at no range; it sends its whole cache at once, and ALIVE after a second in which it sent nothing. So all that it sends between
 * two ALIVEs without a gap has either no bulk in it or whole ones, and whether it has one is for the owner of the records to judge.
 */
export class PlainRounds implements Answers {
  private readonly peers: PeerTable<PlainPeer>;
  private readonly random: () => number;
  private readonly asksItself: boolean;
  private readonly pace = new AskPace();
  private generation = 0;
  private lastMark = 0;
  /** The name of the last request, 0 before the first. */
  request = 0;
  /** Whether the peers are to ask for everything too, and have not answered since. */
  private invites = true;
  /** When something may change although no message comes, in milliseconds. */
  private reviewAt = Number.POSITIVE_INFINITY;
  private answers: Answer[] = [];
  private now: number;

  /**
   * @param random gives numbers from 0 up to, not including, 1
   * @param asksItself false: only a command asks
   */
  constructor(peers: PeerTable<PlainPeer>, random: () => number, asksItself: boolean, now: number) {
    this.peers = peers;
    this.random = random;
    this.asksItself = asksItself;
    this.now = now;
  }

  get mark(): number {
    return this.lastMark;
  }

  /** What a C node sends must show that it answers. */
  get needsEvidence(): boolean {
    return true;
  }

  ask(): void {
    if (this.asksItself) this.pace.ask(this.now);
  }

  noteRoom(): void {
    if (this.asksItself) this.pace.askSoon();
  }

  command(): void {
    this.pace.command();
  }

  /** The peers that can tell what is dead are asked for everything, and to ask for everything themselves. */
  invite(): void {
    if (!this.asksItself || ![...this.peers.states()].some(({ tells }) => tells)) return;
    this.invites = true;
    this.ask();
  }

  /** A message of this peer was taken, whose number shows this. @param isData whether it has a record */
  noteMessage(peer: PlainPeer, shown: Continuation, isData: boolean, isAlive: boolean, now: number): void {
    this.now = now;
    this.lastMark = ((peer.number << GENERATION_BITS) | this.generation) >>> 0;
    if (shown === Continuation.FIRST || shown === Continuation.ELSEWHERE) peer.tells = false;
    if (shown !== Continuation.NEXT) {
      peer.isClean = false;
      peer.doubts = 0;
      this.ask();
    }
    peer.isQuiet = isAlive;
    if (isData) peer.progressAt = now;
    if (isAlive) this.noteAlive(peer, now);
  }

  /** The peer has not been heard for a while. */
  noteBack(peer: PlainPeer, now: number): void {
    this.now = now;
    peer.isClean = false;
    peer.doubts = 0;
    this.ask();
  }

  /** The peer has sent all that the request of this name asked for. */
  noteAnswered(peer: PlainPeer, request: number): void {
    peer.tells = true;
    if (request !== this.request || peer.state === AnswerState.COMPLETE) return;
    this.invites = false;
    if (peer.isClean) {
      peer.state = AnswerState.COMPLETE;
      this.answers.push(this.answerOf(peer, 'told'));
    } else {
      peer.state = AnswerState.NONE;
      this.ask();
    }
  }

  private noteAlive(peer: PlainPeer, now: number): void {
    if (peer.tells || now - peer.askedAt < QUIET_MS) return;
    if (peer.state === AnswerState.OPEN && peer.isClean) this.end(peer, peer.wasQuiet ? 'quiet' : 'no');
    // Until now it was never quiet. Asked now, its answer is between two ALIVEs.
    else if (peer.state === AnswerState.DOUBTFUL && peer.doubts < DOUBTS_MAX) this.ask();
  }

  private end(peer: PlainPeer, ends: 'quiet' | 'no'): void {
    peer.state = AnswerState.DOUBTFUL;
    this.answers.push(this.answerOf(peer, ends));
  }

  private answerOf(peer: PlainPeer, ends: Answer['ends']): Answer {
    const { generation } = this;
    return {
      ends,
      isStale: (mark) =>
        peer.numbers.has(mark >>> GENERATION_BITS) && (mark & GENERATION_MASK) !== generation,
      judge: (isAnswer) => {
        if (isAnswer && ends !== 'no') {
          peer.state = AnswerState.COMPLETE;
          peer.doubts = 0;
        } else if (!isAnswer && ++peer.doubts < DOUBTS_MAX) this.ask();
      },
    };
  }

  takeAnswers(): readonly Answer[] {
    const { answers } = this;
    this.answers = [];
    return answers;
  }

  /** When {@link handleTimeout} is due, in milliseconds; infinity if it is not. */
  pollTimeout(): number {
    return Math.min(this.pace.dueAt, this.reviewAt);
  }

  /** Looks at the answers that do not come. */
  handleTimeout(now: number): void {
    this.now = now;
    this.pace.handleTimeout(now);
    if (now < this.reviewAt) return;
    this.reviewAt = Number.POSITIVE_INFINITY;
    for (const peer of this.peers.states()) if (peer.state === AnswerState.OPEN) this.reviewPeer(peer, now);
  }

  /** Whether {@link takeAnswers} has something. */
  get hasAnswers(): boolean {
    return this.answers.length > 0;
  }

  private reviewPeer(peer: PlainPeer, now: number): void {
    const silentMs = now - peer.presence.heardAt;
    if (!peer.isClean || silentMs >= PEER_GONE_MS) {
      // It is to be asked already, or will be when it is back.
      peer.state = AnswerState.NONE;
    } else if (silentMs >= SILENCE_MS) {
      this.reviewAt = now + PATIENCE_MS;
    } else if (!peer.tells && now - peer.askedAt >= PATIENCE_C_MS) {
      this.end(peer, 'no');
    } else if (peer.tells && now - peer.progressAt >= PATIENCE_MS) {
      peer.state = AnswerState.NONE;
      this.ask();
    } else {
      this.reviewAt = now + PATIENCE_MS;
    }
  }

  /** Whether nothing that this peer sent is missing, and nobody else's records are beside them. */
  isComparable(peer: PlainPeer): boolean {
    for (const other of this.peers.states())
      if (other !== peer && !peer.numbers.has(other.number)) return false;
    return peer.isClean && peer.state === AnswerState.COMPLETE && !this.pace.isPending;
  }

  /** True if the peers are to be asked now. */
  isAskDue(now: number): boolean {
    return this.pace.isDue(now);
  }

  /** A request is queued: a round begins with every peer. Returns its range. */
  begin(now: number): { readonly from: number; readonly to: number } {
    this.pace.noteAsked(now);
    this.reviewAt = now + PATIENCE_MS;
    this.generation = (this.generation + 1) & GENERATION_MASK;
    this.answers = [];
    this.request = 1 + Math.floor(this.random() * (2 ** 32 - 2));
    for (const peer of this.peers.states()) peer.beginRound(now);
    return { from: this.request, to: this.request + (this.invites ? 1 : 0) };
  }

  /** Whether a peer does not tell when it has sent everything: a C node, which does not ask for what it lacks either. */
  get hasSilentAsker(): boolean {
    return [...this.peers.states()].some(({ tells }) => !tells);
  }

  /**
   * A node that moves to another of its links is new there. It is the one that fell silent on another link, or on several, if that is
   * clear: nobody else was heard on any of them. From then on the records of all are its own.
   */
  joinLinks(now: number): void {
    this.now = now;
    const speaking: PlainPeer[] = [];
    const silent: PlainPeer[] = [];
    for (const peer of this.peers.states())
      (now - peer.presence.heardAt < SILENCE_MS ? speaking : silent).push(peer);
    if (speaking.length > 1) this.part(speaking);
    const [peer] = speaking;
    if (peer === undefined || speaking.length > 1) return;
    const others = silent.filter(({ number }) => !peer.numbers.has(number));
    const isClear = others.every((other) =>
      [peer, ...others].every((one) => one.link !== other.link || areOne(one, other)),
    );
    if (others.length === 0 || !isClear) return;
    for (const other of others) for (const number of other.numbers) peer.numbers.add(number);
    this.ask();
  }

  /** Nodes that speak at the same time are not one, though one of them was taken for the other while it was silent. */
  private part(speaking: readonly PlainPeer[]): void {
    let parted = false;
    for (const peer of speaking)
      for (const other of speaking) if (other !== peer && peer.numbers.delete(other.number)) parted = true;
    if (parted) this.ask();
  }

  status(now: number): EngineStatus {
    const { present, figures } = presenceOf(this.peers.states(), now);
    return { ...figures, missing: this.missingOf(present), ackDelays: undefined };
  }

  private missingOf(present: readonly PlainPeer[]): Missing {
    if (!this.asksItself) return Missing.UNKNOWN;
    const has = (state: AnswerState): boolean => present.some((peer) => peer.state === state);
    if (this.pace.isPending || has(AnswerState.OPEN) || has(AnswerState.NONE)) return Missing.ANSWER;
    return has(AnswerState.DOUBTFUL) ? Missing.UNKNOWN : Missing.NOTHING;
  }
}

/** Whether one of them is known to have been the other. */
function areOne(one: PlainPeer, other: PlainPeer): boolean {
  return one.numbers.has(other.number) || other.numbers.has(one.number);
}
