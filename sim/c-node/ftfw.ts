import { Flag, HELLO_FLAGS, isData, MessageType } from '../../src/wire/header.ts';
import { after, before, previous } from '../../src/wire/sequence.ts';
import { Cached } from './cache.ts';
import { type Header, MessageResult, type Mode } from './mode.ts';
import { Control, hasRange } from './outgoing.ts';
import type { Caches, Parts } from './parts.ts';
import { Queue, type Queued } from './queue.ts';
import { SequenceOrder } from './sequence.ts';
import { Timer } from './timers.ts';

/** A node sends something at least this often. */
export const ALIVE_INTERVAL_MS = 1000;

/** The node's side of the handshake: nothing sent yet, HELLO on every message, HELLO_BACK received. */
const Hello = { INITIAL: 0, SENDING: 1, CONFIRMED: 2 } as const;

/** FT-FW: messages are kept until they are acknowledged, and sent again when the peer misses them. */
export class Ftfw implements Mode {
  /** Sent and not acknowledged, in the order of sending. */
  readonly resendQueue: Queue;
  private readonly parts: Parts;
  private readonly internal: () => Caches;
  private readonly alive = new Timer(() => this.sendKeepalive());
  private hello: (typeof Hello)[keyof typeof Hello] = Hello.INITIAL;
  private helloBackPending = false;
  /** Messages left until the window is acknowledged. */
  private windowLeft: number;
  /** The first number of the open window, if one is open. */
  private windowStart: number | undefined;

  /** @param internal the caches that a bulk sends */
  constructor(parts: Parts, internal: () => Caches) {
    this.parts = parts;
    this.internal = internal;
    this.resendQueue = new Queue(parts.options.resendQueueSize);
    this.windowLeft = parts.options.ackWindowSize;
    parts.timers.set(this.alive, ALIVE_INTERVAL_MS);
  }

  private sendKeepalive(): void {
    const { timers, tracker } = this.parts;
    if (this.windowStart !== undefined && !tracker.isEmpty) {
      this.queueControl(Flag.ACK, this.windowStart, tracker.last);
      // C does not restart the count of the window, so the next one is acknowledged early.
      this.windowStart = undefined;
    } else {
      this.queueControl(Flag.ALIVE);
    }
    timers.set(this.alive, ALIVE_INTERVAL_MS);
  }

  private queueControl(flags: number, from = 0, to = 0): void {
    this.parts.transmitQueue.add(new Control(flags, from, to));
  }

  // ---- Receiving ----

  receive(header: Header): MessageResult {
    const { tracker } = this.parts;
    const { flags, sequence } = header;
    if ((flags & Flag.HELLO) !== 0) this.helloBackPending = true;
    if ((flags & Flag.HELLO_BACK) !== 0 && this.hello === Hello.SENDING) this.hello = Hello.CONFIRMED;

    if ((flags & Flag.HELLO) !== 0) {
      if (this.windowStart !== undefined && before(sequence, this.windowStart)) this.openWindow(sequence);
      this.acknowledgeAll();
      return this.takeInOrder(header);
    }
    switch (tracker.orderOf(sequence)) {
      case SequenceOrder.AHEAD:
        return this.takeAhead(header, tracker.expected);
      case SequenceOrder.STALE:
        return MessageResult.STALE;
      default:
        return this.takeInOrder(header);
    }
  }

  private takeInOrder(header: Header): MessageResult {
    const result = this.handleByKind(header);
    if (result === MessageResult.MALFORMED) return result;
    const { sequence } = header;
    this.windowStart ??= sequence;
    if (--this.windowLeft <= 0) {
      this.queueControl(Flag.ACK, this.windowStart, sequence);
      this.windowLeft = this.parts.options.ackWindowSize;
      this.windowStart = undefined;
    }
    this.parts.tracker.accept(sequence);
    return result;
  }

  private takeAhead(header: Header, expected: number): MessageResult {
    const result = this.handleByKind(header);
    if (result === MessageResult.MALFORMED) return result;
    const { sequence } = header;
    if (this.windowStart !== undefined) this.queueControl(Flag.ACK, this.windowStart, previous(expected));
    this.queueControl(Flag.NACK, expected, previous(sequence));
    this.openWindow(sequence);
    this.parts.tracker.accept(sequence);
    return result;
  }

  /** Opens a window at this number, whose message is in it. */
  private openWindow(sequence: number): void {
    this.windowLeft = this.parts.options.ackWindowSize - 1;
    this.windowStart = sequence;
  }

  private handleByKind({ type, flags, from, to }: Header): MessageResult {
    if (isData(type, flags)) return MessageResult.DATA;
    if (type !== MessageType.CONTROL) return MessageResult.MALFORMED;
    if ((flags & Flag.ACK) !== 0) {
      if (before(to, from)) return MessageResult.MALFORMED;
      this.inResendQueue(from, to, (queued) => this.forget(queued));
      return MessageResult.HANDLED;
    }
    if ((flags & Flag.NACK) !== 0) {
      if (before(to, from)) return MessageResult.MALFORMED;
      this.inResendQueue(from, to, (queued) => {
        queued.unqueue();
        this.parts.transmitQueue.add(queued);
      });
      return MessageResult.HANDLED;
    }
    if ((flags & Flag.RESYNC) !== 0) {
      this.sendBulk();
      return MessageResult.HANDLED;
    }
    return (flags & Flag.ALIVE) !== 0 ? MessageResult.HANDLED : MessageResult.MALFORMED;
  }

  /** Visits messages sent with numbers of the range. C does not check whether they are its own. */
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
      cached.retain();
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
    const { timers, outgoing, transmitQueue } = this.parts;
    transmitQueue.visit((queued) => {
      queued.unqueue();
      if (queued instanceof Control) {
        queued.flags |= this.takeHelloFlags();
        queued.sequence = outgoing.control(queued.flags, hasRange(queued.flags), queued.from, queued.to);
        if (hasRange(queued.flags)) this.keep(queued);
      } else if (queued instanceof Cached) {
        queued.sequence = outgoing.data(queued.messageType, this.takeHelloFlags(), queued.record);
        this.keep(queued);
      }
      return false;
    });
    timers.set(this.alive, ALIVE_INTERVAL_MS);
  }

  /** The handshake's flags of the next message. */
  private takeHelloFlags(): number {
    if (this.hello === Hello.INITIAL) this.hello = Hello.SENDING;
    const hello = this.hello === Hello.SENDING ? Flag.HELLO : 0;
    const back = this.helloBackPending ? Flag.HELLO_BACK : 0;
    this.helloBackPending = false;
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
