import type { BulkSchedule } from '../bulk-schedule.ts';
import { DigestSchedule } from '../digest-schedule.ts';
import type { PeerTable } from '../peer-table.ts';
import type { Peer } from './peer.ts';
import { REPAIR_MS } from './peer-round.ts';

/** When our digest is sent, and when a peer's says something. Times are in milliseconds. */
export class PeerDigests {
  private readonly peers: PeerTable<Peer>;
  private readonly bulks: BulkSchedule;
  private readonly schedule: DigestSchedule;

  constructor(peers: PeerTable<Peer>, bulks: BulkSchedule, now: number) {
    this.peers = peers;
    this.bulks = bulks;
    this.schedule = new DigestSchedule(now);
  }

  /** See {@link DigestSchedule.dueAt}. */
  get dueAt(): number {
    return this.schedule.dueAt;
  }

  handleTimeout(now: number): void {
    this.schedule.handleTimeout(now);
  }

  isDue(now: number): boolean {
    return this.schedule.isDue(now);
  }

  /** Everything is sent. Returns whether the digest is to be sent now: all peers that are heard understand it. */
  take(now: number): boolean {
    if (!this.schedule.take(now)) return false;
    const heard = [...this.peers.states()].filter(({ presence }) => !presence.isSilent);
    return this.bulks.isEverything && heard.length > 0 && heard.every(({ tells }) => tells);
  }

  /** Whether nothing that this peer sent is missing, and nobody else's records are beside them. */
  isComparable({ number, round }: Peer, now: number): boolean {
    for (const peer of this.peers.states()) if (peer.number !== number) return false;
    return !round.isOpen && now - round.disturbedAt >= REPAIR_MS;
  }

  /** See {@link DigestSchedule.noteCompared}. */
  noteCompared(isEqual: boolean): boolean {
    return this.schedule.noteCompared(isEqual);
  }
}
