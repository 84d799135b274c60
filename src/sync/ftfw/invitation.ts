import { areAllOurs, type TellingPeer } from '../peer-presence.ts';
import { REPAIR_MS } from './peer-round.ts';

/** The range of a RESYNC that also says: what I sent you is lost, ask me for everything. C does not read it. */
export const INVITATION = 1;

/** How often a peer is invited. */
interface Pace {
  readonly intervalMs: number;
  readonly attempts: number;
}

/** A C node never follows an invitation, and gets a bulk instead. */
const PACE = { intervalMs: 1500, attempts: 4 };
/** A node of ours believes its answer a second after it has missed something ({@link REPAIR_MS}): it must hear of it before. */
const PACE_OF_OURS = { intervalMs: 0.4 * REPAIR_MS, attempts: 16 };

/** Invites the peers to ask for everything, until all of ours have that are there, or one where none is ours. */
export class Invitation {
  private attemptsLeft = 0;
  private pace: Pace = PACE;
  /** Whether it begins when a peer is heard that follows it. */
  private isPostponed = false;
  private lastSentAt = Number.NEGATIVE_INFINITY;
  /** Who has asked since it began. */
  private readonly asked = new Set<TellingPeer>();
  /** What it is called in a group of ours, so that who has heard it knows it again; -1 until it is sent, and elsewhere. */
  private name = -1;
  private isReady = false;

  /** @param followed whether all peers are ours, and will follow it */
  begin(followed: boolean): void {
    this.pace = followed ? PACE_OF_OURS : PACE;
    this.attemptsLeft = this.pace.attempts;
    this.asked.clear();
    this.name = -1;
  }

  /** Begins with the next {@link noteHeard}. */
  postpone(): void {
    this.isPostponed = true;
  }

  /** These peers are known now. One of ours that is heard follows an invitation. */
  noteHeard(peers: readonly TellingPeer[]): void {
    if (!this.isPostponed || !peers.some(({ tells, presence }) => tells && !presence.isSilent)) return;
    this.isPostponed = false;
    this.begin(areAllOurs(peers));
  }

  /** This one of the peers asked for everything. */
  accept(peer: TellingPeer, peers: readonly TellingPeer[]): void {
    this.asked.add(peer);
    if (peers.some((one) => one.tells && !one.presence.isSilent && !this.asked.has(one))) return;
    this.attemptsLeft = 0;
    this.isPostponed = false;
  }

  /** When {@link handleTimeout} is due, in milliseconds; infinity if it is not. */
  get dueAt(): number {
    const isWaiting = this.attemptsLeft > 0 && !this.isReady;
    return isWaiting ? this.lastSentAt + this.pace.intervalMs : Number.POSITIVE_INFINITY;
  }

  handleTimeout(now: number): void {
    if (now >= this.dueAt) this.isReady = true;
  }

  /** True if an invitation is to be sent now. */
  isDue(now: number): boolean {
    return this.attemptsLeft > 0 && (this.isReady || now >= this.dueAt);
  }

  /**
   * It is sent. @param name what it is called unless it was sent before; undefined if that does not matter
   * @returns what it was called before, undefined if it was not
   */
  noteSent(name: number | undefined, now: number): number | undefined {
    const known = this.name < 0 ? undefined : this.name;
    this.name = known ?? name ?? -1;
    this.isReady = false;
    this.attemptsLeft--;
    this.lastSentAt = now;
    return known;
  }
}
