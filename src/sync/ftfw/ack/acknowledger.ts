import { Flag } from '../../../wire/header.ts';
import type { Outbox } from '../../outbox.ts';
import type { PeerTable } from '../../peer-table.ts';
import type { Peer } from '../peer.ts';

/** Acknowledges what peers sent: a window of consecutive numbers with each ACK. */
export class Acknowledger {
  private readonly peers: PeerTable<Peer>;
  private readonly outbox: Outbox;
  private readonly windowSize: number;

  /** @param windowSize ACKWindowSize, in messages */
  constructor(peers: PeerTable<Peer>, outbox: Outbox, windowSize: number) {
    this.peers = peers;
    this.outbox = outbox;
    this.windowSize = windowSize;
  }

  /** Acknowledges the peer's open window if it is full. */
  acknowledgeFull(peer: Peer): void {
    if (peer.window.count >= this.windowSize) this.acknowledge(peer);
  }

  /** Queues an ACK of the peer's open window, and closes it. */
  acknowledge({ window, received }: Peer): void {
    const { last } = received;
    window.close(last);
    this.outbox.enqueueControl(Flag.ACK, window.first, last);
  }

  /** Queues an ACK with ANSWERED of each of these requests of peers: all that they asked for was sent. */
  answer(requests: readonly number[]): void {
    for (const sequence of requests) this.outbox.enqueueControl(Flag.ACK | Flag.ANSWERED, sequence, sequence);
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
