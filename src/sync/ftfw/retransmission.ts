import { Flag } from '../../wire/header.ts';
import { after, before, next, previous, span } from '../../wire/sequence.ts';
import type { Allowance } from '../limits/allowance.ts';
import { type MessageQueues, QueueItem } from '../message-queues.ts';
import type { Outbox } from '../outbox.ts';
import { PEER_GONE_MS } from '../peer-presence.ts';
import type { SequenceSource } from '../sequence.ts';
import { AckTracker, wasAcknowledged } from './ack/ack-tracker.ts';
import type { FlowControl } from './flow-control.ts';
import type { Peer } from './peer.ts';
import { resendBudget } from './resend-budget.ts';

/** How far numbers may be from the oldest that is kept once some are skipped. */
const SKIP_MAX = 2 ** 30;

/**
 * The reliable part of FT-FW. Each message except ALIVE is kept in the resend queue until every peer has acknowledged
 * its number; the oldest is evicted when the queue is full. What a peer misses is sent again, a record in its current
 * state, under a new number.
 */
export class Retransmission {
  private readonly outbox: Outbox;
  private readonly queues: MessageQueues;
  private readonly flowControl: FlowControl;
  private readonly sequences: SequenceSource;
  readonly acks = new AckTracker();
  readonly budget: Allowance;
  /** The number of the last message that left the full resend queue, -1 if none did. */
  lastEvicted = -1;
  /** How many messages had left the full queue when the last bulk began. */
  private evictionsBeforeBulk = 0;

  constructor(outbox: Outbox, flowControl: FlowControl, sequences: SequenceSource) {
    this.outbox = outbox;
    this.queues = outbox.queues;
    this.flowControl = flowControl;
    this.sequences = sequences;
    this.budget = resendBudget(outbox.queues.resendLimit);
  }

  /**
   * Keeps a message that is sent under this number. Returns false if a NACK left the full queue for it: should that have been
   * lost, what it asked for never comes.
   */
  keep(node: number, sequence: number): boolean {
    const { queues } = this;
    const evicted = queues.keep(node, sequence, this.acks.allPeers);
    if (evicted === 0) return true;
    this.noteEvicted(evicted, evicted === node ? sequence : queues.sequenceOf(evicted));
    const isNack = this.isControl(evicted, Flag.NACK);
    if (queues.itemOf(evicted) === QueueItem.CONTROL) this.outbox.release(evicted);
    else this.outbox.releaseSent(evicted);
    return !isNack;
  }

  /** A bulk is queued. */
  noteBulk(): void {
    this.evictionsBeforeBulk = this.queues.evictions;
  }

  /** Whether what a peer misses of the last bulk can still be sent again. */
  get keepsBulk(): boolean {
    return this.queues.evictions === this.evictionsBeforeBulk;
  }

  /**
   * The peer has the messages from `from` to `to`: releases those that no other peer still has to acknowledge. Returns false if the
   * peer lacks what is not kept any more.
   */
  acknowledge(peer: Peer, from: number, to: number): boolean {
    this.takeBack(peer);
    // The first message that a peer acknowledges is the first that it received: what was sent before did not reach it.
    const isFirst = !peer.hasAcknowledged;
    if (isFirst) this.resendBefore(from);
    const lacks = isFirst && peer.evictedFrom >= 0 && before(peer.evictedFrom, from);
    peer.hasAcknowledged = true;
    if (peer.acknowledgedTo < 0 || after(to, peer.acknowledgedTo)) peer.acknowledgedTo = to;
    this.noteHeardOfEvicted(peer, to);
    this.flowControl.acknowledge(to);
    const { queues } = this;
    for (let node = queues.firstInRange(from, to); node !== 0; ) {
      const following = queues.nextInRange(node, to);
      this.settle(node, peer);
      node = following;
    }
    return !lacks;
  }

  /** The peer has this message: releases it unless another one has to acknowledge it. */
  settle(node: number, peer: Peer): void {
    const { queues, acks } = this;
    const pendingAcks = acks.withAckOf(peer, queues.pendingAcksOf(node));
    if (acks.isSettled(pendingAcks)) this.release(node);
    else queues.setPendingAcks(node, pendingAcks);
  }

  /** The peer has said of all numbers up to this one whether it has them: of what is no longer kept behind it, it has not yet. */
  noteHeardOfEvicted(peer: Peer, last: number): void {
    if (peer.evictedFrom < 0 || before(last, peer.evictedFrom)) return;
    peer.evictedFrom = before(last, peer.evictedTo) ? next(last) : -1;
  }

  /** Whether what the peer has not acknowledged, and is no longer kept, is among these numbers. */
  hasEvicted({ evictedFrom, evictedTo }: Peer, from: number, to: number): boolean {
    return evictedFrom >= 0 && !before(to, evictedFrom) && !after(from, evictedTo);
  }

  /**
   * The peer misses these messages: sends them again. What is no longer kept is superseded, or was evicted, or released while the
   * peer was gone. Returns false if the peer will lack something: that, or too much was asked for in a short time.
   */
  resend(peer: Peer, from: number, to: number, now: number): boolean {
    const { queues } = this;
    this.takeBack(peer);
    const isKept = this.lastEvicted < 0 || before(this.lastEvicted, from);
    let isComplete = isKept && !this.hasEvicted(peer, from, to);
    this.noteHeardOfEvicted(peer, to);
    for (let node = queues.firstInRange(from, to); node !== 0; ) {
      const following = queues.nextInRange(node, to);
      if (this.budget.take(1, now) > 0) queues.transmit(node);
      else isComplete = false;
      node = following;
    }
    return isComplete;
  }

  /**
   * The peer has just started. ACKs and NACKs for its previous incarnation are void; everything else that it has not
   * acknowledged is sent again. (The C node forgets it.)
   */
  handleRestart(peer: Peer): void {
    this.takeBack(peer);
    peer.hasAcknowledged = false;
    peer.acknowledgedTo = -1;
    peer.skippedTo = -1;
    peer.evictedFrom = -1;
    peer.missesFrom = -1;
    const { queues, acks } = this;
    for (let node = queues.firstResend(); node !== 0; ) {
      const following = queues.nextResend(node);
      if (acks.isSettled(acks.withAckOf(peer, queues.pendingAcksOf(node)))) {
        if (this.isControl(node, Flag.ACK | Flag.NACK)) this.outbox.release(node);
        else queues.transmit(node);
      }
      node = following;
    }
    this.flowControl.reset();
  }

  /**
   * Sends again what the peer had skipped when this was called last, and has neither acknowledged nor asked for since: its
   * NACK was lost, and has left its full resend queue.
   */
  resendSkipped(peer: Peer, now: number): void {
    const { queues, acks } = this;
    const { skippedTo } = peer;
    peer.skippedTo = peer.acknowledgedTo;
    if (skippedTo < 0) return;
    for (let node = queues.firstResend(); node !== 0 && before(queues.sequenceOf(node), skippedTo); ) {
      const following = queues.nextResend(node);
      const pendingAcks = queues.pendingAcksOf(node);
      const isLacking = acks.isAwaited(peer, pendingAcks) || !wasAcknowledged(pendingAcks);
      if (isLacking && this.budget.take(1, now) > 0) queues.transmit(node);
      node = following;
    }
  }

  /**
   * Returns whether a C node, which does not say so, may no longer have had what it was asked for when it took the NACK: as
   * many messages were sent since the first missing one as a queue of our own size holds. Once for the same loss.
   */
  takeUnrepairable(peer: Peer): boolean {
    const { missesFrom, received } = peer;
    if (missesFrom < 0 || this.holdsNack(peer, previous(missesFrom))) return false;
    peer.missesFrom = -1;
    return span(missesFrom, received.last) > this.queues.resendLimit;
  }

  /** A C node that took a number which was damaged on the wire takes nothing before it: ours come behind it from now on. */
  skipFalseNumbers(peer: Peer, last: number, sequences: SequenceSource): void {
    if (peer.tells || !peer.hasAcknowledged) return;
    if (sequences.wasTaken(last) || !this.canSkip(sequences.next, last)) return;
    sequences.skipTo(next(last));
    this.flowControl.reset();
  }

  /** Whether the numbers from `from` to `to` can be skipped: what is kept must stay before them, by less than half of all numbers. */
  private canSkip(from: number, to: number): boolean {
    const { queues } = this;
    const oldest = queues.firstResend();
    return span(oldest === 0 ? from : queues.sequenceOf(oldest), to) <= SKIP_MAX;
  }

  /** Whether a NACK was sent that asks this peer for a number behind this one, and that it has not acknowledged. */
  holdsNack({ bit }: Peer, sequence: number): boolean {
    const { queues } = this;
    for (let node = queues.firstResend(); node !== 0; node = queues.nextResend(node)) {
      const isAwaited = this.isControl(node, Flag.NACK) && (queues.pendingAcksOf(node) & bit) !== 0;
      if (isAwaited && before(sequence, queues.toOf(node))) return true;
    }
    return false;
  }

  /** Stops waiting for this peer. */
  removePeer(peer: Peer): void {
    this.acks.remove(peer);
    this.releaseSettled();
  }

  /** Stops waiting for peers that are gone: what others have acknowledged is no longer kept for them. */
  removeSilentPeers(now: number): void {
    if (this.acks.removeSilent(PEER_GONE_MS, this.sequences.next, now)) this.releaseSettled();
  }

  /** The peer is heard: waits for it. If it was given up, it has to acknowledge what was sent meanwhile and is still kept. */
  takeBack(peer: Peer): void {
    const { queues, acks } = this;
    const { goneFrom } = peer;
    acks.add(peer);
    if (goneFrom < 0) return;
    peer.goneFrom = -1;
    const awaitFrom = (node: number) => {
      if (!before(queues.sequenceOf(node), goneFrom))
        queues.setPendingAcks(node, acks.withoutAckOf(peer, queues.pendingAcksOf(node)));
    };
    for (const node of queues.repeatedNodes()) awaitFrom(node);
    for (let node = queues.firstResend(); node !== 0; node = queues.nextResend(node)) awaitFrom(node);
  }

  /** A peer is gone: releases what only that one had to acknowledge. What nobody has acknowledged is kept. */
  private releaseSettled(): void {
    const { queues, acks } = this;
    for (let node = queues.firstResend(); node !== 0; ) {
      const following = queues.nextResend(node);
      const pendingAcks = queues.pendingAcksOf(node);
      if (wasAcknowledged(pendingAcks) && acks.isSettled(pendingAcks)) this.release(node);
      node = following;
    }
  }

  private resendBefore(sequence: number): void {
    const { queues } = this;
    for (let node = queues.firstResend(); node !== 0 && before(queues.sequenceOf(node), sequence); ) {
      const following = queues.nextResend(node);
      if (!this.isControl(node, Flag.ACK)) queues.transmit(node);
      node = following;
    }
  }

  private noteEvicted(node: number, sequence: number): void {
    const { queues, acks } = this;
    this.lastEvicted = sequence;
    acks.noteEvicted(queues.pendingAcksOf(node), queues.repeatsOf(node)[0] ?? sequence, sequence);
  }

  private release(node: number): void {
    const { queues, acks } = this;
    if (acks.hasGone) {
      const sequence = queues.sequenceOf(node);
      acks.noteReleased(queues.repeatsOf(node)[0] ?? sequence, sequence);
    }
    this.outbox.release(node);
  }

  /** @param flags whether it has one of these is asked */
  private isControl(node: number, flags: number): boolean {
    const { queues } = this;
    return queues.itemOf(node) === QueueItem.CONTROL && (queues.flagsOf(node) & flags) !== 0;
  }
}
