import { assert } from '../../../bytes/assert.ts';

/** Maximum number of peers whose acknowledgements are awaited. Messages to further peers are not kept for them. */
const PEERS_MAX = 31;

/** The bit that is set when a peer has acknowledged the message. */
const ACKNOWLEDGED = 0x8000_0000;

/** A peer whose acknowledgements are awaited. */
export interface AckPeer {
  /** Its bit in a message's pending ACKs, 0 if it is not waited for. */
  bit: number;
  /** When its last message came, in milliseconds. */
  readonly heardAt: number;
  /** The first number that left the full resend queue although the peer had not acknowledged it; -1 if there is none. */
  evictedFrom: number;
}

/**
 * Which peers still have to acknowledge each message. A message to a group is kept until every peer in it has acknowledged it.
 * Its *pending ACKs* are a 32-bit word: one bit for each peer, set until that peer acknowledges, and the highest bit, set
 * once any peer did.
 */
export class AckTracker {
  private readonly peers: AckPeer[] = [];
  private mask = 0;

  /** The pending ACKs of a message that is sent now. Before any peer is known they are 0: the first ACK suffices. */
  get allPeers(): number {
    return this.mask;
  }

  /** Waits for this peer from now on, if a bit is free. */
  add(peer: AckPeer): void {
    if (peer.bit !== 0) return;
    for (let n = 0; n < PEERS_MAX; n++) {
      const bit = (1 << n) >>> 0;
      if (this.mask & bit) continue;
      peer.bit = bit;
      this.mask = (this.mask | bit) >>> 0;
      this.peers.push(peer);
      return;
    }
    assert(this.peers.length === PEERS_MAX, 'a peer has no bit although one is free');
  }

  /** Stops waiting for this peer. */
  remove(peer: AckPeer): void {
    const index = this.peers.indexOf(peer);
    assert(peer.bit === 0 ? index < 0 : index >= 0 && (this.mask & peer.bit) !== 0, 'a peer has a stray bit');
    if (index >= 0) this.peers.splice(index, 1);
    this.mask = (this.mask & ~peer.bit) >>> 0;
    peer.bit = 0;
  }

  /** Stops waiting for peers that were silent for this long. Returns whether there were any. */
  removeSilent(silenceMs: number, now: number): boolean {
    const silent = this.peers.filter(({ heardAt }) => now - heardAt >= silenceMs);
    for (const peer of silent) this.remove(peer);
    return silent.length > 0;
  }

  /** The pending ACKs of a message once this peer has acknowledged it. */
  withAckOf(peer: AckPeer, pendingAcks: number): number {
    return ((pendingAcks & ~peer.bit) | ACKNOWLEDGED) >>> 0;
  }

  /** The pending ACKs of a message that this peer has to acknowledge after all. */
  withoutAckOf(peer: AckPeer, pendingAcks: number): number {
    return (pendingAcks | peer.bit) >>> 0;
  }

  /** Whether this peer has to acknowledge the message. */
  isAwaited(peer: AckPeer, pendingAcks: number): boolean {
    return (pendingAcks & peer.bit) !== 0;
  }

  /** A message with these pending ACKs left the full resend queue. @param sequence the first number that it had */
  noteEvicted(pendingAcks: number, sequence: number): void {
    for (const peer of this.peers)
      if (peer.evictedFrom < 0 && this.isAwaited(peer, pendingAcks)) peer.evictedFrom = sequence;
  }

  /** True if no peer that we still wait for has to acknowledge the message. */
  isSettled(pendingAcks: number): boolean {
    return (pendingAcks & this.mask) === 0;
  }
}

/** True if any peer has acknowledged the message. */
export function wasAcknowledged(pendingAcks: number): boolean {
  return (pendingAcks & ACKNOWLEDGED) !== 0;
}
