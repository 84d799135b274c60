import type { TellingPeer } from '../peer-presence.ts';

/** The range of a RESYNC that also says: what I sent you is lost, ask me for everything. C does not read it. */
export const INVITATION = 1;

/** Milliseconds from one invitation to the next. */
const INTERVAL_MS = 1500;
/** A C node never follows one, and gets a bulk instead. */
const ATTEMPTS_MAX = 4;

/** Invites the peers to ask for everything, until one does. */
export class Invitation {
  private attemptsLeft = 0;
  /** Whether it begins when a peer is heard that follows it. */
  private isPostponed = false;
  private lastSentAt = Number.NEGATIVE_INFINITY;
  private isReady = false;

  begin(): void {
    this.attemptsLeft = ATTEMPTS_MAX;
  }

  /** Begins with the next {@link noteHeard}. */
  postpone(): void {
    this.isPostponed = true;
  }

  /** These peers are known now. One of ours that is heard follows an invitation. */
  noteHeard(peers: Iterable<TellingPeer>): void {
    if (!this.isPostponed || ![...peers].some(({ tells, presence }) => tells && !presence.isSilent)) return;
    this.isPostponed = false;
    this.begin();
  }

  /** A peer asked for everything. */
  accept(): void {
    this.attemptsLeft = 0;
    this.isPostponed = false;
  }

  /** When {@link handleTimeout} is due, in milliseconds; infinity if it is not. */
  get dueAt(): number {
    const isWaiting = this.attemptsLeft > 0 && !this.isReady;
    return isWaiting ? this.lastSentAt + INTERVAL_MS : Number.POSITIVE_INFINITY;
  }

  handleTimeout(now: number): void {
    if (now >= this.dueAt) this.isReady = true;
  }

  /** True if an invitation is to be sent now. */
  isDue(now: number): boolean {
    return this.attemptsLeft > 0 && (this.isReady || now >= this.dueAt);
  }

  noteSent(now: number): void {
    this.isReady = false;
    this.attemptsLeft--;
    this.lastSentAt = now;
  }
}
