import type { Collector } from '../wire/collector.ts';
import { Flag, flagsOf, rangeFromOf, rangeToOf, sequenceOf } from '../wire/header.ts';
import { after, before, next, previous, span } from '../wire/sequence.ts';
import { type EngineFact, type InternalCaches, type SyncEngine, Transmission, Verdict } from './engine.ts';
import { Facts } from './facts.ts';
import { Kind, kindOf } from './message-kind.ts';
import type { Item, MessageQueues } from './message-queues.ts';
import { Outbox } from './outbox.ts';
import { writeControl, writeRange, writeRecord } from './record-message.ts';
import { Senders } from './senders.ts';
import { Place, type SequenceCounters, SequenceSource, SequenceTracker } from './sequence.ts';

export interface FtFwOptions {
  /** ResendQueueSize: messages kept at most until they are acknowledged. */
  readonly resendQueueSize: number;
  /** ACKWindowSize: messages received before they are acknowledged. */
  readonly ackWindowSize: number;
  /** The wall clock in seconds: our first sequence number. */
  readonly clockSeconds: number;
}

/** A second without a transmission brings an ACK or ALIVE. */
const ALIVE_INTERVAL = 1000;

/** So many acknowledgement windows may be on their way: enough to keep a link busy, few enough for a default socket buffer. */
const WINDOWS_IN_FLIGHT = 8;
/** And so many messages at least: the peer's window may be larger than ours. */
const IN_FLIGHT_MIN = 2400;
/** A peer that acknowledges nothing for this long holds nothing up, in milliseconds. */
const ACK_PATIENCE = 20;
/** A peer that was not heard for this long holds nothing up either. */
const PEER_PATIENCE = 3000;

/** A sender whose messages are behind, in order and without exception for this long has begun anew. */
const ADOPTION_TIME = 3000;

/** What is known of one sender. */
class Peer {
  readonly numbers = new SequenceTracker();
  /** Messages in the open window, 0 if none is open. */
  windowCount = 0;
  /** The first number of the open window. */
  windowFrom = 0;
  /** Whether its last message said HELLO, and the number of the first one that did. */
  greeting = false;
  greetingFrom = 0;
  /** When messages began to be behind, -1 if the last one was not. */
  behindSince = -1;
  lastBehind = 0;

  openWindow(sequence: number): void {
    this.windowFrom = sequence;
    this.windowCount = 0;
  }

  get windowIsOpen(): boolean {
    return this.windowCount > 0;
  }
}

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
  readonly counters: SequenceCounters = { lost: 0, behind: 0, unfoundedAcks: 0 };
  readonly isReliable = true;
  private readonly outbox: Outbox;
  private readonly options: FtFwOptions;
  private readonly inFlightLimit: number;
  private readonly numbers: SequenceSource;
  private readonly peers = new Senders(() => new Peer());
  private readonly facts = new Facts();
  private bulkOwed = false;
  private hello: number = Hello.UNSAID;
  private helloBackOwed = false;
  private lastTransmission = 0;
  /** The highest number acknowledged. */
  private acknowledged: number;
  /** Since when records wait for an acknowledgement, -1 if none do. */
  private waitingSince = -1;

  /** @param now milliseconds of a clock that never goes back */
  constructor(caches: InternalCaches, options: FtFwOptions, now: number) {
    this.outbox = new Outbox(caches, options.resendQueueSize);
    this.options = options;
    this.inFlightLimit = Math.max(WINDOWS_IN_FLIGHT * options.ackWindowSize, IN_FLIGHT_MIN);
    this.numbers = new SequenceSource(options.clockSeconds);
    this.acknowledged = previous(this.numbers.next);
    this.lastTransmission = now;
  }

  get queues(): MessageQueues {
    return this.outbox.queues;
  }

  receive(sender: number, bytes: Uint8Array, at: number, now: number): Verdict {
    const kind = kindOf(bytes, at);
    if (kind === Kind.BAD) return Verdict.BAD;

    const sequence = sequenceOf(bytes, at);
    const flags = flagsOf(bytes, at);
    const peer = this.peers.heard(sender, now);

    if (flags & Flag.HELLO_BACK && this.hello === Hello.SAYING) this.hello = Hello.DONE;
    const place =
      flags & Flag.HELLO
        ? this.greet(sender, peer, sequence, now)
        : this.placeOf(sender, peer, sequence, now);
    if (!(flags & Flag.HELLO)) peer.greeting = false;

    if (place === Place.BEHIND) {
      this.counters.behind++;
      return Verdict.DROP;
    }
    this.digest(kind, bytes, at);

    if (place === Place.AHEAD) {
      const { expected } = peer.numbers;
      this.counters.lost += span(expected, previous(sequence));
      if (peer.windowIsOpen) this.outbox.control(Flag.ACK, peer.windowFrom, previous(expected));
      this.outbox.control(Flag.NACK, expected, previous(sequence));
      peer.openWindow(sequence);
    } else if (!peer.windowIsOpen) {
      peer.openWindow(sequence);
    }
    peer.numbers.accept(sequence);
    if (++peer.windowCount >= this.options.ackWindowSize) this.acknowledgeWindow(peer);

    return kind === Kind.DATA ? Verdict.DATA : Verdict.CONTROL;
  }

  changed(): void {}

  enqueue(item: Item, slot: number): void {
    this.outbox.enqueue(item, slot);
  }

  ended(item: Item, slot: number): void {
    this.outbox.ended(item, slot);
  }

  forget(item: Item, slot: number): void {
    this.outbox.forget(item, slot);
  }

  sendBulk(): void {
    this.bulkOwed = true;
  }

  requestResync(): void {
    this.facts.add({ kind: 'resync-requested' });
    this.outbox.control(Flag.RESYNC, 0, 0);
  }

  nextTimeout(): number {
    const alive = this.lastTransmission + ALIVE_INTERVAL;
    return this.waitingSince < 0 ? alive : Math.min(alive, this.waitingSince + ACK_PATIENCE);
  }

  handleTimeout(now: number): void {
    if (this.waitingSince >= 0 && now >= this.waitingSince + ACK_PATIENCE) this.startBurst();
    if (now < this.lastTransmission + ALIVE_INTERVAL) return;
    let acknowledged = false;
    for (const peer of this.peers.states()) {
      if (!peer.windowIsOpen) continue;
      this.acknowledgeWindow(peer);
      acknowledged = true;
    }
    if (!acknowledged) this.outbox.control(Flag.ALIVE, 0, 0);
    this.lastTransmission = now;
  }

  transmit(out: Collector, now: number, budget: number): Transmission {
    const { queues } = this;
    if (this.bulkOwed) this.enqueueBulk();
    if (queues.transmitLength === 0) return Transmission.DONE;
    this.lastTransmission = now;

    let left = budget;
    for (let node = 0; left > 0; left--) {
      node = queues.shiftControl();
      if (node === 0) break;
      this.sendControl(out, node);
    }
    let waiting = false;
    for (; left > 0 && queues.transmitLength > 0; left--) {
      waiting = this.mustWait(now);
      if (waiting) break;
      this.sendRecord(out, queues.shiftRecord());
    }
    out.flush();
    if (queues.transmitLength === 0) return Transmission.DONE;
    return waiting ? Transmission.WAITING : Transmission.MORE;
  }

  releaseRecords(item: Item): void {
    this.outbox.forgetAll(item);
  }

  takeFacts(): readonly EngineFact[] {
    return this.facts.take();
  }

  /**
   * A peer that begins to say HELLO has just started: it knows nothing of what we keep for it, and its number counts as
   * it is. As long as it goes on saying HELLO its numbers count as ever, so that what is lost meanwhile is asked for.
   */
  private greet(sender: number, peer: Peer, sequence: number, now: number): Place {
    this.helloBackOwed = true;
    if (peer.greeting && !before(sequence, peer.greetingFrom))
      return this.placeOf(sender, peer, sequence, now);
    peer.greeting = true;
    peer.greetingFrom = sequence;
    peer.behindSince = -1;
    this.forgetUnacknowledged();
    if (peer.windowIsOpen && before(sequence, peer.windowFrom)) peer.openWindow(sequence);
    return Place.FIRST;
  }

  private placeOf(sender: number, peer: Peer, sequence: number, now: number): Place {
    const place = peer.numbers.place(sequence);
    if (place !== Place.BEHIND) {
      peer.behindSince = -1;
      return place;
    }
    if (peer.behindSince < 0 || sequence !== next(peer.lastBehind)) peer.behindSince = now;
    peer.lastBehind = sequence;
    if (now - peer.behindSince < ADOPTION_TIME) return Place.BEHIND;
    // It restarted and its HELLO was lost, or it never says one: the C node would ignore it for ever.
    this.facts.add({ kind: 'peer-adopted', sender });
    peer.behindSince = -1;
    peer.openWindow(sequence);
    return Place.FIRST;
  }

  private digest(kind: Kind, bytes: Uint8Array, at: number): void {
    switch (kind) {
      case Kind.ACK:
        this.acknowledge(rangeFromOf(bytes, at), rangeToOf(bytes, at));
        break;
      case Kind.NACK:
        this.resend(rangeFromOf(bytes, at), rangeToOf(bytes, at));
        break;
      case Kind.RESYNC:
        this.facts.add({ kind: 'resync-requested-by-peer' });
        this.sendBulk();
        break;
    }
  }

  /** The peer has these: lets go of them. */
  private acknowledge(from: number, to: number): void {
    if (!before(to, this.numbers.next)) {
      this.counters.unfoundedAcks++;
      return;
    }
    if (after(to, this.acknowledged)) {
      this.acknowledged = to;
      this.waitingSince = -1;
    }
    const { queues } = this;
    for (let node = queues.firstInRange(from, to); node !== 0; ) {
      const following = queues.nextInRange(node, to);
      this.outbox.letGo(node);
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

  private enqueueBulk(): void {
    this.bulkOwed = false;
    this.facts.add({ kind: 'bulk-update', records: this.outbox.enqueueAll() });
  }

  private forgetUnacknowledged(): void {
    for (let node = this.queues.firstResend(); node !== 0; node = this.queues.firstResend())
      this.outbox.letGo(node);
    this.startBurst();
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
    const item = queues.itemOf(node);
    const sequence = this.numbers.take();
    writeRecord(out, item, this.outbox.cacheOf(item), queues.slotOf(node), this.helloFlags(), sequence);
    this.keep(node, sequence);
  }

  private keep(node: number, sequence: number): void {
    const evicted = this.queues.keep(node, sequence);
    if (evicted !== 0) this.outbox.letGo(evicted);
  }

  private helloFlags(): number {
    let flags = 0;
    if (this.hello !== Hello.DONE) {
      this.hello = Hello.SAYING;
      flags = Flag.HELLO;
    }
    if (this.helloBackOwed) {
      flags |= Flag.HELLO_BACK;
      this.helloBackOwed = false;
    }
    return flags;
  }

  /** True if so much is unacknowledged that more would only overrun a peer that is there and acknowledging. */
  private mustWait(now: number): boolean {
    const inFlight = span(this.acknowledged, previous(this.numbers.next)) - 1;
    if (inFlight < this.inFlightLimit) return false;
    if (!this.peers.anyHeardWithin(PEER_PATIENCE, now)) return false;
    if (this.waitingSince < 0) this.waitingSince = now;
    if (now < this.waitingSince + ACK_PATIENCE) return true;
    this.startBurst();
    return false;
  }

  /** As much again may go out unacknowledged. */
  private startBurst(): void {
    this.acknowledged = previous(this.numbers.next);
    this.waitingSince = -1;
  }
}
