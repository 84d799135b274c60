import type { BulkSchedule } from '../bulk-schedule.ts';
import { areAllOurs } from '../peer-presence.ts';
import type { PeerTable } from '../peer-table.ts';
import type { Hello } from './hello.ts';
import type { Invitation } from './invitation.ts';
import type { Peer } from './peer.ts';
import type { ResyncRounds } from './resync-rounds.ts';
import { currentStates } from './status.ts';

export interface HealingParts {
  readonly peers: PeerTable<Peer>;
  readonly hello: Hello;
  readonly rounds: ResyncRounds;
  readonly bulks: BulkSchedule;
  readonly invitation: Invitation;
}

/**
 * What follows where no single message mends what a node or its peer lacks: the node asks for everything, sends everything
 * unasked, or invites its peers to ask. Where it is not enabled, nothing.
 */
export class Healing {
  readonly isEnabled: boolean;
  private readonly parts: HealingParts;

  constructor(parts: HealingParts, isEnabled: boolean) {
    this.parts = parts;
    this.isEnabled = isEnabled;
  }

  /** The node may lack something of its peers. */
  ask(): void {
    if (this.isEnabled) this.parts.rounds.ask();
  }

  /**
   * A peer restarted, is new to us, or has answered our HELLO: each may lack what the other has, and have what the other has no
   * longer. Until the answer C saw no gaps, and has acknowledged what it did not receive.
   */
  handleBeginning(now: number): void {
    if (!this.isEnabled) return;
    // Before our HELLO is answered C sees no gaps: a request that is lost would stay lost. The answer brings it.
    if (this.parts.hello.isConfirmed) this.ask();
    this.parts.bulks.expectRequest(now);
  }

  /** A peer lacks what is not kept any more: invites it to ask for everything. */
  handleEviction(now: number): void {
    if (!this.isEnabled) return;
    this.parts.invitation.begin(areAllOurs(currentStates(this.parts.peers)));
    this.parts.bulks.expectRequest(now);
  }

  /** After a flush the internal caches have what the kernel's table has. */
  handleTableRead(): void {
    if (!this.isEnabled) return;
    const { peers, invitation } = this.parts;
    invitation.postpone();
    invitation.noteHeard(currentStates(peers));
    // The flush may have emptied the external caches as well. Peers of ours send everything when they follow the invitation.
    if (peers.states().size > 0 && !areAllOurs(currentStates(peers))) this.ask();
  }
}
