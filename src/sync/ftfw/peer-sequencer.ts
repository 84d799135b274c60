import { Flag } from '../../wire/header.ts';
import { previous, span } from '../../wire/sequence.ts';
import { LINKS_MAX } from '../engine.ts';
import type { EngineEvents } from '../engine-events.ts';
import type { Outbox } from '../outbox.ts';
import type { PeerTable } from '../peer-table.ts';
import { SequenceOrder } from '../sequence.ts';
import type { Hello } from './hello.ts';
import { areInOneSeries, LATE_MS, type Peer, SERIES_SPAN } from './peer.ts';
import type { Retransmission } from './retransmission.ts';

/** A peer whose messages are all stale and in order for this long has restarted. */
const ADOPTION_MS = 3000;

/**
 * Decides which peer sent a message, and whether the message is in order. The rules (docs/protocol.md, section 3):
 *
 * - The first HELLO of a peer restarts it: its number counts as it is, and numbers are followed from there.
 * - Within 3 s of a HELLO, another one is a copy or was overtaken, unless its number was already taken without HELLO.
 *   Numbers far ahead are a previous incarnation's then, and so are HELLOs near a previous incarnation's first one.
 * - Stale messages are dropped. A peer whose messages are all stale and in order for 3 s is adopted with their
 *   numbers, and the messages skipped before are NACKed.
 * - A peer that changes to another link continues its numbers there.
 */
export class PeerSequencer {
  private readonly peers: PeerTable<Peer>;
  private readonly hello: Hello;
  private readonly retransmission: Retransmission;
  private readonly outbox: Outbox;
  private readonly events: EngineEvents;

  constructor(
    peers: PeerTable<Peer>,
    hello: Hello,
    retransmission: Retransmission,
    outbox: Outbox,
    events: EngineEvents,
  ) {
    this.peers = peers;
    this.hello = hello;
    this.retransmission = retransmission;
    this.outbox = outbox;
    this.events = events;
  }

  /** The peer that a message comes from. */
  peerOf(sender: number, sequence: number, flags: number, now: number): Peer {
    // A HELLO means that its sender is new at this address.
    if (!(flags & Flag.HELLO)) this.followToOtherLink(sender, sequence, now);
    const isNew = this.peers.stateOf(sender) === undefined;
    const peer = this.peers.touch(sender, now);
    if (isNew) this.identify(peer, sender);
    const silentMs = peer.presence.note(now);
    if (silentMs > 0) this.events.add({ kind: 'peer-back', sender, silentMs });
    peer.sender = sender;
    return peer;
  }

  /** The order of a message from this peer. If it is not STALE, the caller takes the message. */
  orderOf(sender: number, peer: Peer, sequence: number, flags: number, now: number): SequenceOrder {
    if (flags & Flag.HELLO) {
      const order = this.orderOfHello(sender, peer, sequence, now);
      if (order !== SequenceOrder.STALE) peer.noteHello(sequence);
      return order;
    }
    peer.sendsHello = false;
    const order = this.orderInSeries(sender, peer, sequence, now);
    if (order !== SequenceOrder.STALE) peer.endHello(sequence);
    return order;
  }

  /**
   * A node that changes to another of its links has another address there, and goes on with its numbers. An address
   * that is already known, from a previous incarnation or from a peer mistaken for another, changes hands only for
   * exactly the next number.
   */
  private followToOtherLink(sender: number, sequence: number, now: number): void {
    const known = this.peers.stateOf(sender);
    if (known?.received.expected === sequence) return;
    const link = sender % LINKS_MAX;
    const farthest = known === undefined ? SERIES_SPAN : 1;
    const candidates = [...this.peers.states()].filter(
      ({ link: peerLink, received }) =>
        peerLink !== link && !received.isEmpty && span(received.expected, sequence) <= farthest,
    );
    if (candidates.length !== 1) return;
    this.peers.rename(sender, candidates[0]!, now);
    if (known !== undefined && !this.peers.states().has(known)) this.retransmission.removePeer(known);
  }

  /** A node that restarts on another link is new there: it is the one that was heard on other links, if that is clear. */
  private identify(peer: Peer, sender: number): void {
    const link = sender % LINKS_MAX;
    const numbers = new Set(
      [...this.peers.states()].filter((one) => one !== peer && one.link !== link).map(({ number }) => number),
    );
    if (numbers.size === 1) [peer.number] = numbers as unknown as [number];
  }

  private orderOfHello(sender: number, peer: Peer, sequence: number, now: number): SequenceOrder {
    const recent = peer.sendsHello || now - peer.helloAt < LATE_MS;
    const inHandshake = recent && !peer.isPastHello(sequence);
    // A late HELLO of a previous incarnation gets no answer. A live peer keeps sending HELLO until adopted; then NACK what
    // was skipped.
    if (inHandshake && !areInOneSeries(peer.firstHello, sequence) && peer.isPreviousHello(sequence, now))
      return this.dropOrAdopt(sender, peer, sequence, now);
    this.hello.answer();
    peer.helloAt = now;
    if (inHandshake && span(peer.firstHello, sequence) <= SERIES_SPAN)
      return this.orderInSeries(sender, peer, sequence, now);
    if (inHandshake && span(sequence, peer.firstHello) <= SERIES_SPAN) {
      // The first HELLO that we received overtook this one. No gap showed that, so NACK what lies between.
      this.outbox.enqueueControl(Flag.NACK, sequence, previous(peer.firstHello));
      peer.firstHello = sequence;
      return SequenceOrder.STALE;
    }
    if (recent) peer.rememberIncarnation(now);
    if (!peer.received.isEmpty) this.events.add({ kind: 'peer-restarted', sender });
    this.restart(peer, sequence, now);
    return SequenceOrder.FIRST;
  }

  /** The peer has just started: it knows nothing of what we keep for it, and its number counts as it is. */
  private restart(peer: Peer, sequence: number, now: number): void {
    peer.sendsHello = true;
    peer.restart(sequence, now);
    this.retransmission.handleRestart(peer);
    peer.window.start(sequence);
    // Skipped messages near the numbers that we took were copies of those.
    if (!areInOneSeries(peer.received.last, sequence)) this.nackSkipped(peer, sequence);
  }

  private orderInSeries(sender: number, peer: Peer, sequence: number, now: number): SequenceOrder {
    const order = this.isFromPreviousIncarnation(peer, sequence, now)
      ? SequenceOrder.STALE
      : peer.received.orderOf(sequence);
    if (order === SequenceOrder.STALE) return this.dropOrAdopt(sender, peer, sequence, now);
    peer.endStaleRun(sequence, now);
    return order;
  }

  /**
   * True if the number is far ahead of those that a peer has just restarted with: it was sent before, and comes late.
   */
  private isFromPreviousIncarnation(peer: Peer, sequence: number, now: number): boolean {
    if (now - peer.helloAt >= LATE_MS) return false;
    const { received } = peer;
    return !received.isEmpty && span(received.expected, sequence) > SERIES_SPAN;
  }

  /**
   * A stale message is dropped, unless so many came in order that the peer must have restarted and its HELLO was
   * lost, or it never sends one. The C node would ignore such a peer for ever.
   */
  private dropOrAdopt(sender: number, peer: Peer, sequence: number, now: number): SequenceOrder {
    const staleMs = peer.noteStale(sequence, now);
    if (peer.takeStaleReport(staleMs)) this.events.add({ kind: 'peer-refused', sender, staleMs });
    if (staleMs < ADOPTION_MS) return SequenceOrder.STALE;
    this.events.add({ kind: 'peer-adopted', sender });
    peer.restart(peer.skippedBefore(sequence), now);
    peer.window.start(sequence);
    this.nackSkipped(peer, sequence);
    return SequenceOrder.FIRST;
  }

  /** Asks for the skipped messages that this number continues. */
  private nackSkipped(peer: Peer, sequence: number): void {
    const from = peer.skippedBefore(sequence);
    if (from < 0) return;
    if (from !== sequence) this.outbox.enqueueControl(Flag.NACK, from, previous(sequence));
    peer.clearSkipped();
  }
}
