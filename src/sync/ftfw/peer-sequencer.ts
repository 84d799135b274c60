import { Flag, flagsOf, rangeToOf, sequenceOf } from '../../wire/header.ts';
import { before, next, previous, span } from '../../wire/sequence.ts';
import { LINKS_MAX } from '../engine.ts';
import type { EngineEvents } from '../engine-events.ts';
import { kindOf, MessageKind } from '../message-kind.ts';
import type { Outbox } from '../outbox.ts';
import type { PeerTable } from '../peer-table.ts';
import { type SequenceCounters, SequenceOrder, type SequenceSource } from '../sequence.ts';
import type { Hello } from './hello.ts';
import type { Peer } from './peer.ts';
import type { Retransmission } from './retransmission.ts';
import type { Identity } from './series/identity.ts';
import { RivalSeries } from './series/rival-series.ts';
import { goesOn } from './series/rivals.ts';
import { LATE_MS } from './series/series-pulse.ts';
import { areInOneSeries, SERIES_SPAN } from './series/series-span.ts';

/** A peer whose messages are all stale and in order for this long has restarted. */
const ADOPTION_MS = 3000;

/** A series that is not taken although it goes on for so long, in ms, is reported. */
const REFUSED_REPORT_MS = 1000;

interface PeerSequencerParts {
  readonly peers: PeerTable<Peer>;
  readonly newIdentity: () => Identity;
  readonly hello: Hello;
  readonly retransmission: Retransmission;
  readonly outbox: Outbox;
  /** Our own numbers. */
  readonly sequences: SequenceSource;
  readonly events: EngineEvents;
  readonly counters: SequenceCounters;
}

/**
 * Decides which peer sent a message, and whether the message is in order. The rules (docs/protocol.md, section 3):
 *
 * - The first message of a peer counts as it is, and numbers are followed from there.
 * - A HELLO, or a number that is far from the ones before, is doubted while the series that is taken goes on. It is taken for the
 *   peer's next series when that one is silent, or when it has not gone on itself and the new one does. What was doubted is NACKed
 *   then. Where the old series goes on after all, it is taken again by the same rule.
 * - Within 3 s of a HELLO, another one near it is a copy or was overtaken, unless its number was already taken without HELLO.
 * - Stale messages are dropped. A peer whose messages are all stale and in order for 3 s is adopted with their
 *   numbers, and the messages skipped before are NACKed. So it is as soon as one of them cannot be a copy.
 * - A peer that changes to another link continues its numbers there. One that restarts on another link is the only node heard on
 *   other links, until both are seen to go on.
 */
export class PeerSequencer {
  private readonly peers: PeerTable<Peer>;
  private readonly newIdentity: () => Identity;
  private readonly hello: Hello;
  private readonly retransmission: Retransmission;
  private readonly outbox: Outbox;
  private readonly sequences: SequenceSource;
  private readonly events: EngineEvents;
  private readonly counters: SequenceCounters;
  /** When a series that is taken may have fallen silent beside one that is doubted, in milliseconds. */
  private reviewAt = Number.POSITIVE_INFINITY;

  constructor(parts: PeerSequencerParts) {
    this.peers = parts.peers;
    this.newIdentity = parts.newIdentity;
    this.hello = parts.hello;
    this.retransmission = parts.retransmission;
    this.outbox = parts.outbox;
    this.sequences = parts.sequences;
    this.events = parts.events;
    this.counters = parts.counters;
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

  /** The order of the message at `at`, which is from this peer. If it is neither STALE nor DOUBTED, the caller takes the message. */
  orderOf(sender: number, peer: Peer, bytes: Uint8Array, at: number, now: number): SequenceOrder {
    const sequence = sequenceOf(bytes, at);
    const isHello = (flagsOf(bytes, at) & Flag.HELLO) !== 0;
    let order = isHello
      ? this.orderOfHello(sender, peer, sequence, now)
      : this.orderInSeries(sender, peer, sequence, false, now);
    if (order === SequenceOrder.DOUBTED) return order;
    if (!isHello) peer.sendsHello = false;
    if (order === SequenceOrder.STALE) {
      if (!this.showsRestart(peer, bytes, at)) return order;
      order = this.adoptStale(sender, peer, sequence, now);
    }
    if (isHello) peer.noteHello(sequence);
    else peer.endHello(sequence);
    if (order === SequenceOrder.FIRST) {
      peer.identity.begin(peer, now);
      return order;
    }
    const isNext = order === SequenceOrder.NEXT;
    peer.pulse.note(isNext, now);
    if (isNext) {
      this.refuseHellos(sender, peer);
      this.partFrom(peer, now);
    }
    return order;
  }

  /** When {@link handleTimeout} is due, in milliseconds; infinity if it is not. */
  get dueAt(): number {
    return this.reviewAt;
  }

  /** Takes the series of peers whose old ones are silent. Returns these peers. */
  handleTimeout(now: number): readonly Peer[] {
    this.reviewAt = Number.POSITIVE_INFINITY;
    const adopted: Peer[] = [];
    for (const peer of this.peers.states()) {
      const rival = peer.rivals.successor(now);
      if (rival === undefined) continue;
      const silentAt = this.silentAt(peer, now);
      if (silentAt > now) {
        this.reviewAt = Math.min(this.reviewAt, silentAt);
        continue;
      }
      this.adopt(peer.sender, peer, rival, next(rival.last), now);
      peer.accept(rival.last, this.sequences.next);
      // It may have gone on under another address since.
      peer.identity.begin(peer, rival.heardAt);
      adopted.push(peer);
    }
    return adopted;
  }

  /** A node that changes to another of its links has another address there, and goes on with its numbers. */
  private followToOtherLink(sender: number, sequence: number, now: number): void {
    const known = this.peers.stateOf(sender);
    if (known !== undefined && isOfItsOwn(known, sequence, now)) return;
    const link = sender % LINKS_MAX;
    const candidates = [...this.peers.states()].filter(
      (peer) => peer.link !== link && goesOnAs(peer, known, sequence),
    );
    if (candidates.length !== 1) return;
    this.peers.rename(sender, candidates[0]!, now);
    if (known !== undefined && !this.peers.states().has(known)) this.retransmission.removePeer(known);
  }

  /** A node that restarts on another link is new there: it is the one that was heard on other links, if that is clear. */
  private identify(peer: Peer, sender: number): void {
    const link = sender % LINKS_MAX;
    const nodes = new Set(
      [...this.peers.states()]
        .filter((one) => one !== peer && one.link !== link)
        .map(({ identity }) => identity),
    );
    const [node] = nodes;
    if (node !== undefined && nodes.size === 1) peer.identity = node;
  }

  /** What was taken for this peer, whose series goes on, may be another node. */
  private partFrom(peer: Peer, now: number): void {
    const other = peer.identity.takeRefuted(peer, now);
    if (other === undefined) return;
    other.identity = this.newIdentity();
    other.identity.begin(other, now);
    peer.doubt();
  }

  private orderOfHello(sender: number, peer: Peer, sequence: number, now: number): SequenceOrder {
    const recent = peer.sendsHello || now - peer.helloAt < LATE_MS;
    const inHandshake = recent && !peer.isPastHello(sequence);
    if (inHandshake && span(peer.firstHello, sequence) <= SERIES_SPAN) {
      this.answer(peer, now);
      return this.orderInSeries(sender, peer, sequence, true, now);
    }
    if (inHandshake && span(sequence, peer.firstHello) <= SERIES_SPAN) {
      this.answer(peer, now);
      // The first HELLO that we received overtook this one. No gap showed that, so NACK what lies between.
      this.nack(peer, sequence, previous(peer.firstHello), now);
      peer.firstHello = sequence;
      return SequenceOrder.STALE;
    }
    const rival = peer.rivals.note(sequence, true, now);
    if (rival === undefined) return SequenceOrder.STALE;
    // The next number of the series that is taken is no stranger's guess.
    const isKnown = !peer.received.isEmpty && sequence !== peer.received.expected;
    if (isKnown && !this.succeeds(peer, rival, now)) return SequenceOrder.DOUBTED;
    this.adopt(sender, peer, rival, sequence, now);
    return SequenceOrder.FIRST;
  }

  /** The order of a message that does not begin a series. */
  private orderInSeries(
    sender: number,
    peer: Peer,
    sequence: number,
    isHello: boolean,
    now: number,
  ): SequenceOrder {
    const { received } = peer;
    const order = received.orderOf(sequence);
    if (order === SequenceOrder.FIRST) peer.pulse.begin(false, now);
    else if (order !== SequenceOrder.NEXT && !areInOneSeries(received.expected, sequence))
      return this.orderOfDistant(sender, peer, sequence, isHello, now);
    if (order === SequenceOrder.STALE) return this.dropOrAdopt(sender, peer, sequence, now);
    peer.endStaleRun(sequence, now);
    return order;
  }

  /** The order of a message whose number is far from those that were taken. */
  private orderOfDistant(
    sender: number,
    peer: Peer,
    sequence: number,
    isHello: boolean,
    now: number,
  ): SequenceOrder {
    const rival = peer.rivals.note(sequence, isHello, now);
    if (rival === undefined) return SequenceOrder.STALE;
    if (!this.succeeds(peer, rival, now)) {
      const staleMs = isHello ? 0 : rival.takeReport(REFUSED_REPORT_MS, now);
      if (staleMs > 0) this.events.add({ kind: 'peer-refused', sender, staleMs });
      return SequenceOrder.DOUBTED;
    }
    this.adopt(sender, peer, rival, sequence, now);
    return SequenceOrder.FIRST;
  }

  /** Whether another series is the one that the peer goes on with: the old one is silent, or has not gone on while the new one does. */
  private succeeds(peer: Peer, rival: RivalSeries, now: number): boolean {
    const silentAt = this.silentAt(peer, now);
    if (silentAt <= now || (goesOn(rival) && !peer.pulse.isProven(now))) return true;
    this.reviewAt = Math.min(this.reviewAt, silentAt);
    return false;
  }

  /**
   * When nothing speaks against another series if nothing more comes: the peer is silent under this address, and so is everybody on
   * the other links. Otherwise a stranger could restart it, again and again, on a link that it does not use.
   */
  private silentAt({ pulse, link }: Peer, now: number): number {
    let at = pulse.silentAt;
    for (const other of this.peers.states())
      if (other.link !== link && other.pulse.isProven(now)) at = Math.max(at, other.pulse.silentAt);
    return at;
  }

  private answer(peer: Peer, now: number): void {
    this.hello.answer();
    peer.helloAt = now;
  }

  /**
   * Takes another series from this number on, and NACKs what was doubted of it. If it says HELLO, the peer has just started: it knows
   * nothing of what we keep for it.
   */
  private adopt(sender: number, peer: Peer, rival: RivalSeries, sequence: number, now: number): void {
    const { received, rivals, window, pulse } = peer;
    const { saysHello, unacknowledged, first } = rival;
    rivals.remove(rival);
    if (!received.isEmpty) {
      this.events.add({ kind: saysHello ? 'peer-restarted' : 'peer-adopted', sender });
      // Numbers near those that are taken now could not be told from them.
      if (!areInOneSeries(received.last, sequence))
        rivals.add(RivalSeries.departing(received, window, pulse, now));
    }
    peer.restart(first, now);
    peer.clearSkipped();
    peer.sendsHello = saysHello;
    if (saysHello) {
      this.hello.answer();
      this.retransmission.handleRestart(peer);
    }
    if (unacknowledged) this.outbox.enqueueControl(Flag.ACK, unacknowledged.from, unacknowledged.to);
    if (before(first, sequence)) this.nack(peer, first, previous(sequence), now);
    window.start(sequence);
    pulse.begin(goesOn(rival), now);
  }

  /** The series that is taken goes on: HELLOs beside it were not the peer's, but for one that may have restarted with numbers near. */
  private refuseHellos(sender: number, peer: Peer): void {
    const { rivals, received } = peer;
    if (rivals.takeHelloNear(received.expected)) peer.doubt();
    const count = rivals.takeFalseHellos();
    if (count === 0) return;
    this.counters.falseHellos += count;
    this.events.add({ kind: 'hello-refused', sender, total: this.counters.falseHellos });
  }

  /**
   * A stale message is dropped, unless so many came in order that the peer must have restarted and its HELLO was
   * lost, or it never sends one. The C node would ignore such a peer for ever.
   */
  private dropOrAdopt(sender: number, peer: Peer, sequence: number, now: number): SequenceOrder {
    const staleMs = peer.noteStale(sequence, now);
    if (peer.takeStaleReport(staleMs)) this.events.add({ kind: 'peer-refused', sender, staleMs });
    return staleMs < ADOPTION_MS ? SequenceOrder.STALE : this.adoptStale(sender, peer, sequence, now);
  }

  /**
   * Whether a stale message is no copy, and its sender has restarted with numbers near its last ones: it acknowledges what we sent after
   * the last of them came, or its number was taken with HELLO, and it has none.
   */
  private showsRestart(peer: Peer, bytes: Uint8Array, at: number): boolean {
    const sequence = sequenceOf(bytes, at);
    if (!peer.isInStaleRun(sequence)) return false;
    if (!(flagsOf(bytes, at) & Flag.HELLO) && peer.hasTakenAsHello(sequence)) return true;
    if (kindOf(bytes, at) !== MessageKind.ACK) return false;
    const acknowledged = rangeToOf(bytes, at);
    return this.sequences.wasTaken(acknowledged) && peer.isSentSince(acknowledged);
  }

  /** The peer restarted with numbers near its last ones: takes them from this one on, and asks for those that were skipped. */
  private adoptStale(sender: number, peer: Peer, sequence: number, now: number): SequenceOrder {
    this.events.add({ kind: 'peer-adopted', sender });
    peer.restart(peer.skippedBefore(sequence), now);
    peer.pulse.begin(true, now);
    peer.window.start(sequence);
    this.nackSkipped(peer, sequence, now);
    return SequenceOrder.FIRST;
  }

  /** Asks for the skipped messages that this number continues. */
  private nackSkipped(peer: Peer, sequence: number, now: number): void {
    const from = peer.skippedBefore(sequence);
    if (from < 0) return;
    if (from !== sequence) this.nack(peer, from, previous(sequence), now);
    peer.clearSkipped();
  }

  private nack({ round }: Peer, from: number, to: number, now: number): void {
    this.outbox.enqueueControl(Flag.NACK, from, to);
    round.noteMissing(now);
  }
}

/** Whether this number is the next one of a peer's series, or a copy of one that was taken of it while it goes on. */
function isOfItsOwn({ received, pulse }: Peer, sequence: number, now: number): boolean {
  const { expected } = received;
  if (sequence === expected) return true;
  return pulse.isProven(now) && received.hasPassed(sequence) && areInOneSeries(expected, sequence);
}

/**
 * Whether this number may be of a peer's series although it came from another address. One that is known, from a previous incarnation
 * or from a peer mistaken for another, changes hands only for exactly the next number, or within one node for one that is nearer.
 */
function goesOnAs({ received, identity }: Peer, known: Peer | undefined, sequence: number): boolean {
  if (received.isEmpty) return false;
  const ahead = span(received.expected, sequence);
  if (known === undefined || ahead === 1) return ahead <= SERIES_SPAN;
  const { expected } = known.received;
  // Copies are behind.
  const isNearer = ahead < Math.min(span(expected, sequence), span(sequence, expected));
  return identity === known.identity && isNearer && ahead <= SERIES_SPAN;
}
