import { Flag, HELLO_FLAGS, isData, MessageType } from '../../src/wire/header.ts';
import { after, before, previous } from '../../src/wire/sequence.ts';
import { Alarm } from './alarms.ts';
import { Cached } from './cache.ts';
import { type Header, type Mode, Verdict } from './mode.ts';
import { Order } from './numbers.ts';
import { Control, hasRange } from './outgoing.ts';
import type { Caches, Parts } from './parts.ts';
import { Queue, type Queued } from './queue.ts';

/** How long a node is silent at most, in milliseconds. */
export const ALIVE_INTERVAL = 1000;

/** Greeting: whether the peer has answered. */
const Hello = { NOT_SAID: 0, SAID: 1, ANSWERED: 2 } as const;

/** FT-FW: what was sent is kept until it is acknowledged, and sent again when the peer misses it. */
export class Ftfw implements Mode {
  /** Sent and not acknowledged, in the order of sending. */
  readonly resendQueue: Queue;
  private readonly parts: Parts;
  private readonly internal: () => Caches;
  private readonly alive = new Alarm(() => this.breakSilence());
  private hello: (typeof Hello)[keyof typeof Hello] = Hello.NOT_SAID;
  private owesHelloBack = false;
  /** Messages that may still come before the window is acknowledged. */
  private windowLeft: number;
  /** The number with which the open window began, if one is open. */
  private windowStart: number | undefined;

  /** @param internal the internal caches: what a bulk sends */
  constructor(parts: Parts, internal: () => Caches) {
    this.parts = parts;
    this.internal = internal;
    this.resendQueue = new Queue(parts.options.resendQueueSize);
    this.windowLeft = parts.options.ackWindowSize;
    parts.alarms.set(this.alive, ALIVE_INTERVAL);
  }

  private breakSilence(): void {
    const { alarms, tracker } = this.parts;
    if (this.windowStart !== undefined && tracker.begun) {
      this.queueControl(Flag.ACK, this.windowStart, tracker.lastReceived);
      // The count of the window goes on: the next one is acknowledged early.
      this.windowStart = undefined;
    } else {
      this.queueControl(Flag.ALIVE);
    }
    alarms.set(this.alive, ALIVE_INTERVAL);
  }

  private queueControl(flags: number, from = 0, to = 0): void {
    this.parts.transmitQueue.add(new Control(flags, from, to));
  }

  // ---- Receiving ----

  receive(header: Header): Verdict {
    const { tracker } = this.parts;
    const { flags, sequence } = header;
    if ((flags & Flag.HELLO) !== 0) this.owesHelloBack = true;
    if ((flags & Flag.HELLO_BACK) !== 0 && this.hello === Hello.SAID) this.hello = Hello.ANSWERED;

    if ((flags & Flag.HELLO) !== 0) {
      if (this.windowStart !== undefined && before(sequence, this.windowStart)) this.openWindow(sequence);
      this.acknowledgeAll();
      return this.inOrder(header);
    }
    switch (tracker.order(sequence)) {
      case Order.AHEAD:
        return this.ahead(header, tracker.expected);
      case Order.BEHIND:
        return Verdict.DROP;
      default:
        return this.inOrder(header);
    }
  }

  private inOrder(header: Header): Verdict {
    const verdict = this.digest(header);
    if (verdict === Verdict.BAD) return verdict;
    const { sequence } = header;
    this.windowStart ??= sequence;
    if (--this.windowLeft <= 0) {
      this.queueControl(Flag.ACK, this.windowStart, sequence);
      this.windowLeft = this.parts.options.ackWindowSize;
      this.windowStart = undefined;
    }
    this.parts.tracker.received(sequence);
    return verdict;
  }

  private ahead(header: Header, expected: number): Verdict {
    const verdict = this.digest(header);
    if (verdict === Verdict.BAD) return verdict;
    const { sequence } = header;
    if (this.windowStart !== undefined) this.queueControl(Flag.ACK, this.windowStart, previous(expected));
    this.queueControl(Flag.NACK, expected, previous(sequence));
    this.openWindow(sequence);
    this.parts.tracker.received(sequence);
    return verdict;
  }

  /** A window begins with this number, which counts. */
  private openWindow(sequence: number): void {
    this.windowLeft = this.parts.options.ackWindowSize - 1;
    this.windowStart = sequence;
  }

  private digest({ type, flags, from, to }: Header): Verdict {
    if (isData(type, flags)) return Verdict.DATA;
    if (type !== MessageType.CONTROL) return Verdict.BAD;
    if ((flags & Flag.ACK) !== 0) {
      if (before(to, from)) return Verdict.BAD;
      this.inResendQueue(from, to, (queued) => this.forget(queued));
      return Verdict.CONTROL;
    }
    if ((flags & Flag.NACK) !== 0) {
      if (before(to, from)) return Verdict.BAD;
      this.inResendQueue(from, to, (queued) => {
        queued.unqueue();
        this.parts.transmitQueue.add(queued);
      });
      return Verdict.CONTROL;
    }
    if ((flags & Flag.RESYNC) !== 0) {
      this.sendBulk();
      return Verdict.CONTROL;
    }
    return (flags & Flag.ALIVE) !== 0 ? Verdict.CONTROL : Verdict.BAD;
  }

  /** Visits what was sent under a number of the range. Whose numbers they are is not asked. */
  private inResendQueue(from: number, to: number, visit: (queued: Queued) => void): void {
    this.resendQueue.visit((queued) => {
      const { sequence } = queued as Cached | Control;
      if (before(sequence, from)) return false;
      if (after(sequence, to)) return true;
      visit(queued);
      return false;
    });
  }

  private acknowledgeAll(): void {
    this.resendQueue.visit((queued) => {
      this.forget(queued);
      return false;
    });
  }

  private forget(queued: Queued): void {
    queued.unqueue();
    if (queued instanceof Cached) queued.release();
  }

  // ---- Sending ----

  enqueue(cached: Cached): void {
    if (cached.queue === this.resendQueue) {
      cached.unqueue();
      this.parts.transmitQueue.add(cached);
    } else if (this.parts.transmitQueue.add(cached)) {
      cached.refer();
    }
  }

  requestResync(): void {
    this.queueControl(Flag.RESYNC);
  }

  sendBulk(): void {
    const { flows, expectations } = this.internal();
    for (const cached of flows.inOrder()) this.enqueue(cached);
    for (const cached of expectations.inOrder()) this.enqueue(cached);
  }

  transmit(): void {
    const { alarms, outgoing, transmitQueue } = this.parts;
    transmitQueue.visit((queued) => {
      queued.unqueue();
      if (queued instanceof Control) {
        queued.flags |= this.greeting();
        queued.sequence = outgoing.control(queued.flags, hasRange(queued.flags), queued.from, queued.to);
        if (hasRange(queued.flags)) this.keep(queued);
      } else if (queued instanceof Cached) {
        queued.sequence = outgoing.data(queued.messageType, this.greeting(), queued.record);
        this.keep(queued);
      }
      return false;
    });
    alarms.set(this.alive, ALIVE_INTERVAL);
  }

  /** The flags of the hello for the next message. */
  private greeting(): number {
    if (this.hello === Hello.NOT_SAID) this.hello = Hello.SAID;
    const hello = this.hello === Hello.SAID ? Flag.HELLO : 0;
    const back = this.owesHelloBack ? Flag.HELLO_BACK : 0;
    this.owesHelloBack = false;
    return (hello | back) & HELLO_FLAGS;
  }

  private keep(queued: Queued): void {
    if (this.resendQueue.add(queued)) return;
    const oldest = this.resendQueue.first;
    if (oldest === undefined) return;
    this.forget(oldest);
    this.resendQueue.add(queued);
  }
}
