import { assert } from '../../../bytes/assert.ts';
import { after, before } from '../../../wire/sequence.ts';

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
  /** The first number that is no longer kept although the peer has not acknowledged it; -1 if there is none. */
  evictedFrom: number;
  /** The last one of these, if there is one. */
  evictedTo: number;
  /** The first number that was sent while the peer was given up, -1 if it is not. */
  goneFrom: number;
}

/**
 * Which peers still have to acknowledge each message. A message to a group is kept until every peer in it has acknowledged it.
 * Its *pending ACKs* are a 32-bit word: one bit for each peer, set until that peer acknowledges, and the highest bit, set
 * once any peer did.
 */
export class AckTracker {
  private readonly peers: AckPeer[] = [];
  /** Peers that were silent for too long: nothing is kept for them until they are heard again. */
  private readonly gone: AckPeer[] = [];
  private mask = 0;

  /** The pending ACKs of a message that is sent now. Before any peer is known they are 0: the first ACK suffices. */
  get allPeers(): number {
    return this.mask;
  }

  /** Waits for this peer from now on, if a bit is free. */
  add(peer: AckPeer): void {
    if (peer.bit !== 0) return;
    const goneAt = this.gone.indexOf(peer);
    if (goneAt >= 0) this.gone.splice(goneAt, 1);
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

  /** Gives up peers that were silent for this long. Returns whether there were any. @param upcoming the next number of ours */
  removeSilent(silenceMs: number, upcoming: number, now: number): boolean {
    const silent = this.peers.filter(({ heardAt }) => now - heardAt >= silenceMs);
    for (const peer of silent) {
      this.remove(peer);
      peer.goneFrom = upcoming;
      this.gone.push(peer);
    }
    // Those that never come back are forgotten in the end.
    if (this.gone.length > PEERS_MAX) this.gone.splice(0, this.gone.length - PEERS_MAX);
    return silent.length > 0;
  }

  /** Whether messages are released that a peer may lack when it comes back. */
  get hasGone(): boolean {
    return this.gone.length > 0;
  }

  /** A message is released although peers that are gone have not acknowledged it. Its first number, and the last. */
  noteReleased(first: number, last: number): void {
    for (const peer of this.gone) noteLacking(peer, first, last);
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

  /** A message with these pending ACKs left the full resend queue. Its first number, and the last. */
  noteEvicted(pendingAcks: number, first: number, last: number): void {
    for (const peer of this.peers) if (this.isAwaited(peer, pendingAcks)) noteLacking(peer, first, last);
    this.noteReleased(first, last);
  }

  /** True if no peer that we still wait for has to acknowledge the message. */
  isSettled(pendingAcks: number): boolean {
    return (pendingAcks & this.mask) === 0;
  }
}

function noteLacking(peer: AckPeer, first: number, last: number): void {
  if (peer.evictedFrom < 0) {
    peer.evictedFrom = first;
    peer.evictedTo = last;
    return;
  }
  if (before(first, peer.evictedFrom)) peer.evictedFrom = first;
  if (after(last, peer.evictedTo)) peer.evictedTo = last;
}

/** True if any peer has acknowledged the message. */
export function wasAcknowledged(pendingAcks: number): boolean {
  return (pendingAcks & ACKNOWLEDGED) !== 0;
}
