import { Flag } from '../../../wire/header.ts';
import type { Outbox } from '../../outbox.ts';
import type { PeerTable } from '../../peer-table.ts';
import type { Peer } from '../peer.ts';

/** Acknowledges what peers sent: a window of consecutive numbers with each ACK. */
export class Acknowledger {
  private readonly peers: PeerTable<Peer>;
  private readonly outbox: Outbox;

  constructor(peers: PeerTable<Peer>, outbox: Outbox) {
    this.peers = peers;
    this.outbox = outbox;
  }

  /** Queues an ACK of the peer's open window, and closes it. */
  acknowledge({ window, received }: Peer): void {
    const { last } = received;
    window.close(last);
    this.outbox.enqueueControl(Flag.ACK, window.first, last);
  }

  /** Acknowledges the open windows of all peers. Returns whether there were any. */
  acknowledgeAll(): boolean {
    let acknowledged = false;
    for (const peer of this.peers.states()) {
      if (!peer.window.isOpen) continue;
      this.acknowledge(peer);
      acknowledged = true;
    }
    return acknowledged;
  }
}
