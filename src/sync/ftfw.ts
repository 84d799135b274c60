import type { Item } from '../flow/item.ts';
import type { Collector } from '../wire/collector.ts';
import { Flag, flagsOf, rangeFromOf, rangeToOf, sequenceOf } from '../wire/header.ts';
import { after, before, next, previous, span } from '../wire/sequence.ts';
import { AckTracker, wasAcknowledged } from './ack-tracker.ts';
import {
  type EngineEvent,
  type InternalCaches,
  LINKS_MAX,
  type SyncEngine,
  Transmission,
  Verdict,
} from './engine.ts';
import { EngineEvents } from './engine-events.ts';
import { kindOf, MessageKind } from './message-kind.ts';
import { type MessageQueues, QueueItem } from './message-queues.ts';
import { Outbox } from './outbox.ts';
import { isNear, LATE_MS, NEAR, Peer } from './peer.ts';
import { PeerTable } from './peer-table.ts';
import { writeControl, writeRange, writeRecord } from './record-message.ts';
import { type SequenceCounters, SequenceOrder, SequenceSource } from './sequence.ts';

export interface FtFwOptions {
  /** ResendQueueSize: messages kept at most until they are acknowledged. */
  readonly resendQueueSize: number;
  /** ACKWindowSize: messages received before they are acknowledged. */
  readonly ackWindowSize: number;
  /** Our first sequence number. C's is its clock; one that nobody can guess makes forged acknowledgements useless. */
  readonly firstNumber: number;
}

/** A second without a transmission brings an ACK or ALIVE, */
const ALIVE_INTERVAL_MS = 1000;
/** or a tenth of one where messages were lost lately: nobody notices that the last one is missing before another one comes. */
const LOSSY_ALIVE_INTERVAL_MS = 100;
/** So long after a loss others are expected, in milliseconds. */
const LOSSY_TIME_MS = 3000;

/** So many acknowledgement windows may be on their way: enough to keep a link busy, few enough for a default socket buffer. */
const WINDOWS_IN_FLIGHT = 8;
/** And so many messages at least: the peer's window may be larger than ours. */
const IN_FLIGHT_MIN = 2400;
/** A peer that acknowledges nothing for this long holds nothing up, in milliseconds. */
const ACK_TIMEOUT_MS = 20;
/** A peer that was not heard for this long holds nothing up either. */
const PEER_TIMEOUT_MS = 3000;

/** A sender whose messages are behind, in order and without exception for this long has begun anew. */
const ADOPTION_TIME_MS = 3000;

/** A peer that was not heard for this long is gone: what others have acknowledged is not kept for it any more. */
const GONE_AFTER_MS = 60_000;

/**
 * Control messages sent in a millisecond at most. In a group of several a loss is asked for by everyone, and those requests
 * are lost and asked for in their turn: gathered in few datagrams they die away, one by one they multiply.
 */
const CONTROLS_MAX = 16;
const CONTROLS_INTERVAL_MS = 1;

const Hello = {
  /** Nothing was sent yet: a HELLO_BACK can only answer whoever had our address before. */
  UNSAID: 0,
  /** Every message says HELLO. */
  SAYING: 1,
  /** A peer said HELLO_BACK. */
  DONE: 2,
} as const;

/**
 * FT-FW, the reliable mode: what was sent is kept until the peer acknowledges it, and what the peer misses is sent
 * again in its then current state, under a new number.
 */
export class FtFw implements SyncEngine {
  readonly counters: SequenceCounters = { lost: 0, stale: 0, unfoundedAcks: 0 };
  readonly isReliable = true;
  private readonly outbox: Outbox;
  private readonly ackWindowSize: number;
  private readonly inFlightLimit: number;
  private readonly numbers: SequenceSource;
  private readonly peers = new PeerTable(() => new Peer());
  private readonly acks = new AckTracker();
  private readonly events = new EngineEvents();
  private bulkPending = false;
  private hello: number = Hello.UNSAID;
  private helloBackPending = false;
  private lastTransmission = 0;
  /** Until when messages may be expected to get lost, ours or a peer's. */
  private lossyUntil = Number.NEGATIVE_INFINITY;
  /** Control messages sent since `controlsSince`. */
  private controlsSent = 0;
  private controlsSince = Number.NEGATIVE_INFINITY;
  /** The highest number acknowledged. */
  private acknowledged: number;
  /** Since when records wait for an acknowledgement, -1 if none do. */
  private waitingSince = -1;

  /** @param now milliseconds of a clock that never goes back */
  constructor(caches: InternalCaches, options: FtFwOptions, now: number) {
    this.outbox = new Outbox(caches, options.resendQueueSize);
    this.ackWindowSize = options.ackWindowSize;
    this.inFlightLimit = Math.max(WINDOWS_IN_FLIGHT * options.ackWindowSize, IN_FLIGHT_MIN);
    this.numbers = new SequenceSource(options.firstNumber);
    this.acknowledged = previous(this.numbers.next);
    this.lastTransmission = now;
  }

  get queues(): MessageQueues {
    return this.outbox.queues;
  }

  handleMessage(sender: number, bytes: Uint8Array, at: number, now: number): Verdict {
    const kind = kindOf(bytes, at);
    if (kind === MessageKind.BAD) return Verdict.BAD;

    const sequence = sequenceOf(bytes, at);
    const flags = flagsOf(bytes, at);
    const peer = this.peerOf(sender, sequence, flags, now);

    if (flags & Flag.HELLO_BACK && this.hello === Hello.SAYING) this.hello = Hello.DONE;
    const place =
      flags & Flag.HELLO
        ? this.handleHello(sender, peer, sequence, now)
        : this.orderOf(sender, peer, sequence, now);
    if (!(flags & Flag.HELLO)) peer.sendsHello = false;

    if (place === SequenceOrder.STALE) {
      this.counters.stale++;
      return Verdict.DROP;
    }
    if (!(flags & Flag.HELLO)) peer.endHello(sequence);
    this.handleControl(kind, peer, bytes, at, now);

    if (place === SequenceOrder.AHEAD) {
      const { expected } = peer.numbers;
      this.lossyUntil = now + LOSSY_TIME_MS;
      this.counters.lost += span(expected, previous(sequence));
      if (peer.windowIsOpen) this.outbox.control(Flag.ACK, peer.windowFrom, previous(expected));
      this.outbox.control(Flag.NACK, expected, previous(sequence));
      peer.openWindow(sequence);
    } else if (!peer.windowIsOpen) {
      peer.openWindow(sequence);
    }
    peer.numbers.accept(sequence);
    peer.windowCount++;
    // A control message alone completes no window: two nodes would acknowledge each other's acknowledgements for ever.
    if (kind === MessageKind.DATA && peer.windowCount >= this.ackWindowSize) this.acknowledgeWindow(peer);

    return kind === MessageKind.DATA ? Verdict.DATA : Verdict.CONTROL;
  }

  handleRecordChanged(): void {}

  enqueue(item: Item, slot: number): void {
    this.outbox.enqueue(item, slot);
  }

  handleRecordEnded(item: Item, slot: number): void {
    this.outbox.ended(item, slot);
  }

  forget(item: Item, slot: number): void {
    this.outbox.forget(item, slot);
  }

  sendBulk(): void {
    this.bulkPending = true;
  }

  requestResync(): void {
    this.events.add({ kind: 'resync-requested' });
    this.outbox.control(Flag.RESYNC, 0, 0);
  }

  pollTimeout(): number {
    let due = this.silenceEnds;
    if (this.waitingSince >= 0) due = Math.min(due, this.waitingSince + ACK_TIMEOUT_MS);
    if (this.controlsSent >= CONTROLS_MAX) due = Math.min(due, this.controlsSince + CONTROLS_INTERVAL_MS);
    return due;
  }

  handleTimeout(now: number): void {
    if (this.waitingSince >= 0 && now >= this.waitingSince + ACK_TIMEOUT_MS) this.startBurst();
    this.allowControls(now);
    if (now < this.silenceEnds) return;
    if (this.acks.dropSilent(GONE_AFTER_MS, now)) this.letGoOfSettled();
    let acknowledged = false;
    for (const peer of this.peers.states()) {
      if (!peer.windowIsOpen) continue;
      this.acknowledgeWindow(peer);
      acknowledged = true;
    }
    if (!acknowledged) this.outbox.control(Flag.ALIVE, 0, 0);
    this.lastTransmission = now;
  }

  pollTransmit(out: Collector, now: number, budget: number): Transmission {
    const { queues } = this;
    if (this.bulkPending) this.enqueueBulk();
    if (queues.transmitLength === 0) return Transmission.DONE;
    this.allowControls(now);

    let left = budget;
    for (; left > 0 && this.controlsSent < CONTROLS_MAX; left--) {
      const node = queues.shiftControl();
      if (node === 0) break;
      this.controlsSent++;
      this.sendControl(out, node);
    }
    let waiting = left > 0 && queues.controlsWait;
    for (; left > 0 && queues.recordsWait; left--) {
      if (this.mustWait(now)) {
        waiting = true;
        break;
      }
      this.sendRecord(out, queues.shiftRecord());
    }
    if (left < budget) this.lastTransmission = now;
    out.flush();
    if (queues.transmitLength === 0) return Transmission.DONE;
    return waiting ? Transmission.WAITING : Transmission.MORE;
  }

  releaseRecords(item: Item): void {
    this.outbox.forgetAll(item);
  }

  pollEvents(): readonly EngineEvent[] {
    return this.events.take();
  }

  /** When something is to be said even if there is nothing to say. */
  private get silenceEnds(): number {
    const early = this.lastTransmission + LOSSY_ALIVE_INTERVAL_MS;
    return early < this.lossyUntil ? early : this.lastTransmission + ALIVE_INTERVAL_MS;
  }

  /** Who has sent this; one that starts says HELLO. */
  private peerOf(sender: number, sequence: number, flags: number, now: number): Peer {
    if (!(flags & Flag.HELLO)) this.recognise(sender, sequence, now);
    const peer = this.peers.touch(sender, now);
    peer.heardAt = now;
    peer.link = sender % LINKS_MAX;
    return peer;
  }

  /**
   * A node that changes to another of its links has another address there, and goes on with its numbers. Where it was heard at
   * that address before, as a former self or before it lost its way, the very next number alone tells that it is the same.
   */
  private recognise(sender: number, sequence: number, now: number): void {
    const known = this.peers.stateOf(sender);
    if (known?.numbers.expected === sequence) return;
    const link = sender % LINKS_MAX;
    const farthest = known === undefined ? NEAR : 1;
    const alike = [...this.peers.states()].filter(
      ({ link: its, numbers }) =>
        its !== link && numbers.heard && span(numbers.expected, sequence) <= farthest,
    );
    if (alike.length !== 1) return;
    this.peers.rename(sender, alike[0]!, now);
    if (known === undefined || this.peers.states().has(known)) return;
    this.acks.leave(known);
    this.letGoOfSettled();
  }

  /**
   * A peer that begins to say HELLO has just started: it knows nothing of what we keep for it, and its number counts as it
   * is. As long as it goes on saying HELLO its numbers count as ever, so that what is lost meanwhile is asked for.
   *
   * A HELLO of a former self comes late, and its sender is gone. One who is there all the same gets no answer and so goes
   * on saying HELLO, until it is taken and asked for what was passed over.
   */
  private handleHello(sender: number, peer: Peer, sequence: number, now: number): SequenceOrder {
    const recently = peer.sendsHello || now - peer.helloAt < LATE_MS;
    const greeted = recently && !peer.isPastHello(sequence);
    if (greeted && !isNear(peer.helloFrom, sequence) && peer.isPreviousHello(sequence, now))
      return this.treatAsStale(sender, peer, sequence, now);
    this.helloBackPending = true;
    peer.helloAt = now;
    if (greeted && span(peer.helloFrom, sequence) <= NEAR) return this.orderOf(sender, peer, sequence, now);
    if (greeted && span(sequence, peer.helloFrom) <= NEAR) {
      // Overtaken by the first HELLO that was heard, so that nobody has asked for it.
      this.outbox.control(Flag.NACK, sequence, previous(peer.helloFrom));
      peer.helloFrom = sequence;
      return SequenceOrder.STALE;
    }
    if (recently) peer.rememberIncarnation(now);
    peer.sendsHello = true;
    peer.beginAt(sequence, now);
    this.acks.join(peer);
    this.beginAgainWith(peer);
    peer.openWindow(sequence);
    // Near the numbers that were taken, what was passed over were copies of them.
    if (!isNear(peer.numbers.lastReceived, sequence)) this.requestStale(peer, sequence);
    return SequenceOrder.FIRST;
  }

  private orderOf(sender: number, peer: Peer, sequence: number, now: number): SequenceOrder {
    const place = this.isFromPreviousIncarnation(peer, sequence, now)
      ? SequenceOrder.STALE
      : peer.numbers.orderOf(sequence);
    if (place !== SequenceOrder.STALE) {
      if (peer.staleSince >= 0) peer.endStale(sequence);
      return place;
    }
    return this.treatAsStale(sender, peer, sequence, now);
  }

  /** Behind, unless it is the last of so many that their sender must have begun anew. */
  private treatAsStale(sender: number, peer: Peer, sequence: number, now: number): SequenceOrder {
    if (peer.staleSince < 0 || sequence !== next(peer.lastStale)) peer.staleSince = now;
    if (!peer.hasStaleUpTo(sequence)) peer.staleFrom = sequence;
    peer.lastStale = sequence;
    if (now - peer.staleSince < ADOPTION_TIME_MS) return SequenceOrder.STALE;
    // It restarted and its HELLO was lost, or it never says one: the C node would ignore it for ever.
    this.events.add({ kind: 'peer-adopted', sender });
    peer.beginAt(peer.staleFrom, now);
    peer.openWindow(sequence);
    this.requestStale(peer, sequence);
    return SequenceOrder.FIRST;
  }

  /** What was passed over is of a series that goes on with this number. */
  private requestStale(peer: Peer, sequence: number): void {
    if (!peer.hasStaleUpTo(sequence)) return;
    const from = peer.staleFrom;
    if (from !== sequence) this.outbox.control(Flag.NACK, from, previous(sequence));
    peer.staleFrom = -1;
  }

  /** True if the number is far ahead of those that a peer has begun with just now: it is late, and was sent before. */
  private isFromPreviousIncarnation(
    { numbers, helloAt: greetedAt }: Peer,
    sequence: number,
    now: number,
  ): boolean {
    return now - greetedAt < LATE_MS && numbers.heard && span(numbers.expected, sequence) > NEAR;
  }

  private handleControl(kind: MessageKind, peer: Peer, bytes: Uint8Array, at: number, now: number): void {
    switch (kind) {
      case MessageKind.ACK:
        this.acknowledge(peer, rangeFromOf(bytes, at), rangeToOf(bytes, at));
        break;
      case MessageKind.NACK:
        this.lossyUntil = now + LOSSY_TIME_MS;
        this.resend(rangeFromOf(bytes, at), rangeToOf(bytes, at));
        break;
      case MessageKind.RESYNC:
        this.events.add({ kind: 'resync-requested-by-peer' });
        this.sendBulk();
        break;
    }
  }

  /** The peer has these: lets go of what nobody else lacks. */
  private acknowledge(peer: Peer, from: number, to: number): void {
    if (!this.numbers.wasTaken(to)) {
      this.counters.unfoundedAcks++;
      return;
    }
    this.acks.join(peer);
    if (!peer.hasAcknowledged) this.repeatBefore(from);
    peer.hasAcknowledged = true;
    if (after(to, this.acknowledged)) {
      this.acknowledged = to;
      this.waitingSince = -1;
    }
    const { queues, acks } = this;
    for (let node = queues.firstInRange(from, to); node !== 0; ) {
      const following = queues.nextInRange(node, to);
      const waits = acks.without(queues.pendingAcksOf(node), peer);
      if (acks.isSettled(waits)) this.outbox.letGo(node);
      else queues.setPendingAcks(node, waits);
      node = following;
    }
  }

  /** The peer misses these: sends them again. What is not kept any more is superseded, or was evicted. */
  private resend(from: number, to: number): void {
    const { queues } = this;
    for (let node = queues.firstInRange(from, to); node !== 0; ) {
      const following = queues.nextInRange(node, to);
      queues.transmit(node);
      node = following;
    }
  }

  /** Somebody is gone: lets go of what only that one lacked. */
  private letGoOfSettled(): void {
    const { queues, acks } = this;
    for (let node = queues.firstResend(); node !== 0; ) {
      const following = queues.nextResend(node);
      const waits = queues.pendingAcksOf(node);
      if (wasAcknowledged(waits) && acks.isSettled(waits)) this.outbox.letGo(node);
      node = following;
    }
  }

  private enqueueBulk(): void {
    this.bulkPending = false;
    this.events.add({ kind: 'bulk-update', records: this.outbox.enqueueAll() });
  }

  /**
   * The peer has just begun: what was said of its former self's numbers is void, and all else that it has not acknowledged
   * is sent again. The C node forgets it.
   */
  private beginAgainWith(peer: Peer): void {
    peer.hasAcknowledged = false;
    const { queues, acks } = this;
    for (let node = queues.firstResend(); node !== 0; ) {
      const following = queues.nextResend(node);
      if (acks.isSettled(acks.without(queues.pendingAcksOf(node), peer))) {
        if (this.isAboutNumbers(node)) this.outbox.letGo(node);
        else queues.transmit(node);
      }
      node = following;
    }
    this.startBurst();
  }

  /** The first that a peer acknowledges is the first that it has heard: what was sent before did not come. */
  private repeatBefore(sequence: number): void {
    const { queues } = this;
    for (let node = queues.firstResend(); node !== 0 && before(queues.sequenceOf(node), sequence); ) {
      const following = queues.nextResend(node);
      if (!this.isAboutNumbers(node)) queues.transmit(node);
      node = following;
    }
  }

  /** True for an ACK or a NACK. */
  private isAboutNumbers(node: number): boolean {
    const { queues } = this;
    return queues.itemOf(node) === QueueItem.CONTROL && queues.flagsOf(node) !== Flag.RESYNC;
  }

  private acknowledgeWindow(peer: Peer): void {
    this.outbox.control(Flag.ACK, peer.windowFrom, peer.numbers.lastReceived);
    peer.windowCount = 0;
  }

  private sendControl(out: Collector, node: number): void {
    const { queues } = this;
    const flags = queues.flagsOf(node);
    const sequence = this.numbers.take();
    if (flags === Flag.ALIVE) {
      writeControl(out, flags | this.helloFlags(), sequence);
      queues.remove(node);
    } else {
      writeRange(out, flags | this.helloFlags(), sequence, queues.fromOf(node), queues.toOf(node));
      this.keep(node, sequence);
    }
  }

  private sendRecord(out: Collector, node: number): void {
    const { queues } = this;
    const item = queues.recordItemOf(node);
    const sequence = this.numbers.take();
    writeRecord(out, item, this.outbox.cacheOf(item), queues.slotOf(node), this.helloFlags(), sequence);
    this.keep(node, sequence);
  }

  private keep(node: number, sequence: number): void {
    const evicted = this.queues.keep(node, sequence, this.acks.everyone);
    if (evicted !== 0) this.outbox.letGo(evicted);
  }

  private helloFlags(): number {
    let flags = 0;
    if (this.hello !== Hello.DONE) {
      this.hello = Hello.SAYING;
      flags = Flag.HELLO;
    }
    if (this.helloBackPending) {
      flags |= Flag.HELLO_BACK;
      this.helloBackPending = false;
    }
    return flags;
  }

  /** True if so much is unacknowledged that more would only overrun a peer that is there and acknowledging. */
  private mustWait(now: number): boolean {
    const inFlight = span(this.acknowledged, previous(this.numbers.next)) - 1;
    if (inFlight < this.inFlightLimit) return false;
    if (!this.peers.anyHeardWithin(PEER_TIMEOUT_MS, now)) return false;
    if (this.waitingSince < 0) this.waitingSince = now;
    if (now < this.waitingSince + ACK_TIMEOUT_MS) return true;
    this.startBurst();
    return false;
  }

  private allowControls(now: number): void {
    if (now < this.controlsSince + CONTROLS_INTERVAL_MS) return;
    this.controlsSince = now;
    this.controlsSent = 0;
  }

  /** As much again may go out unacknowledged. */
  private startBurst(): void {
    this.acknowledged = previous(this.numbers.next);
    this.waitingSince = -1;
  }
}
