import { after, before, next } from '../../../wire/sequence.ts';
import type { Allowance } from '../../limits/allowance.ts';
import type { MessageQueues } from '../../message-queues.ts';
import type { AckTracker } from '../ack/ack-tracker.ts';
import type { Peer } from '../peer.ts';
import type { Retransmission } from '../retransmission.ts';
import { isInRuns } from './missing-numbers.ts';
import type { Awaited, Receipt } from './report.ts';

/** Milliseconds for each peer until what is asked for is sent again: others who miss something else have asked by then. */
const GATHER_MS_PER_PEER = 2;
const GATHER_MS_MIN = 5;

/**
 * What a group's reports say of our messages. A message is sent again for all who miss it at once, under a new number. Who has
 * received it under any of its numbers has it, so that a repair which is lost on the way to such a node is not sent again.
 */
export class Repairs {
  private readonly retransmission: Retransmission;
  private readonly queues: MessageQueues;
  private readonly acks: AckTracker;
  private readonly budget: Allowance;
  /** Messages that are to be sent again, and their numbers when that was found. */
  private readonly lacking = new Map<number, number>();
  private due = Number.POSITIVE_INFINITY;

  constructor(queues: MessageQueues, retransmission: Retransmission) {
    this.queues = queues;
    this.retransmission = retransmission;
    this.acks = retransmission.acks;
    this.budget = retransmission.budget;
  }

  /** When {@link handleTimeout} is due, in milliseconds; infinity if it is not. */
  get dueAt(): number {
    return this.due;
  }

  /** Takes what a peer, which is waited for, has received of our messages. @param peers in the group beside this node */
  handleReceipt(peer: Peer, receipt: Receipt, peers: number, now: number): void {
    const { queues, acks } = this;
    const isFirst = !peer.hasAcknowledged;
    peer.hasAcknowledged = true;
    for (const node of queues.repeatedNodes()) this.noteReceived(node, peer, receipt);
    for (let node = queues.firstResend(); node !== 0; ) {
      const following = queues.nextResend(node);
      const sequence = queues.sequenceOf(node);
      if (after(sequence, receipt.last)) break;
      if (!this.noteReceived(node, peer, receipt)) {
        if (isFirst) queues.setPendingAcks(node, acks.withoutAckOf(peer, queues.pendingAcksOf(node)));
        if (acks.isAwaited(peer, queues.pendingAcksOf(node))) this.lacking.set(node, sequence);
      }
      node = following;
    }
    if (this.lacking.size > 0 && this.due === Number.POSITIVE_INFINITY)
      this.due = now + Math.max(GATHER_MS_MIN, GATHER_MS_PER_PEER * peers);
  }

  /** Sends again what is missing. Returns whether that was anything. */
  handleTimeout(now: number): boolean {
    if (now < this.due) return false;
    const { queues, lacking } = this;
    this.due = Number.POSITIVE_INFINITY;
    let isAny = false;
    for (const [node, sequence] of lacking) {
      if (!queues.isKept(node, sequence) || this.budget.take(1, now) === 0) continue;
      queues.repeat(node);
      isAny = true;
    }
    lacking.clear();
    return isAny;
  }

  /** What each peer has to acknowledge, of those whose series is known. @param upcoming the next number of ours */
  awaited(peers: Iterable<Peer>, upcoming: number): Awaited[] {
    const { queues, acks } = this;
    const oldest = new Map<Peer, number>();
    const waited = [...peers].filter(({ bit, member }) => bit !== 0 && member.id >= 0);
    const noteFor = (peer: Peer, sequence: number) => {
      const known = oldest.get(peer);
      if (known === undefined || before(sequence, known)) oldest.set(peer, sequence);
    };
    const note = (node: number, sequence: number) => {
      const pendingAcks = queues.pendingAcksOf(node);
      for (const peer of waited) if (acks.isAwaited(peer, pendingAcks)) noteFor(peer, sequence);
    };
    // What can no longer be sent again is awaited until the peer has said whether it has it.
    for (const peer of waited) if (peer.evictedFrom >= 0) noteFor(peer, peer.evictedFrom);
    for (const node of queues.repeatedNodes()) note(node, queues.repeatsOf(node)[0]!);
    const found = new Set<Peer>();
    for (
      let node = queues.firstResend();
      node !== 0 && found.size < waited.length;
      node = queues.nextResend(node)
    ) {
      note(node, queues.sequenceOf(node));
      const pendingAcks = queues.pendingAcksOf(node);
      for (const peer of waited) if (acks.isAwaited(peer, pendingAcks)) found.add(peer);
    }
    return waited.map((peer) => ({ id: peer.member.id, oldest: oldest.get(peer) ?? upcoming }));
  }

  /** Returns whether the peer has the message, which then is released if no other peer has to acknowledge it. */
  private noteReceived(node: number, peer: Peer, receipt: Receipt): boolean {
    const { queues } = this;
    const has =
      (queues.isInResend(node) && covers(receipt, queues.sequenceOf(node))) ||
      queues.repeatsOf(node).some((sequence) => covers(receipt, sequence));
    if (!has) return false;
    this.retransmission.settle(node, peer);
    return true;
  }
}

function covers({ from, last, runs }: Receipt, sequence: number): boolean {
  return !before(sequence, from) && before(sequence, next(last)) && !isInRuns(runs, sequence);
}
