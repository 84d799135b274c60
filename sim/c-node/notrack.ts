import { Flag, isData, MessageType } from '../../src/wire/header.ts';
import { Cached } from './cache.ts';
import { ALIVE_INTERVAL_MS } from './ftfw.ts';
import { type Header, MessageResult, type Mode } from './mode.ts';
import { Control, hasRange } from './outgoing.ts';
import type { Parts } from './parts.ts';
import { Timer } from './timers.ts';

/** NOTRACK: each change is sent once. */
export class Notrack implements Mode {
  private readonly parts: Parts;
  private readonly bulk: (enqueue: (cached: Cached) => void) => void;
  private readonly alive = new Timer(() => this.sendKeepalive());

  /** @param bulk sends everything: queues each record with the function it is given, or sends it in another way */
  constructor(parts: Parts, bulk: (enqueue: (cached: Cached) => void) => void) {
    this.parts = parts;
    this.bulk = bulk;
    parts.timers.set(this.alive, ALIVE_INTERVAL_MS);
  }

  private sendKeepalive(): void {
    this.parts.transmitQueue.add(new Control(Flag.ALIVE));
    this.parts.timers.set(this.alive, ALIVE_INTERVAL_MS);
  }

  /** Counts the number, then follows it, even backwards. */
  receive(header: Header): MessageResult {
    const { tracker } = this.parts;
    tracker.orderOf(header.sequence);
    const result = this.handleByKind(header);
    if (result !== MessageResult.MALFORMED) tracker.accept(header.sequence);
    return result;
  }

  private handleByKind({ type, flags }: Header): MessageResult {
    if (isData(type, flags)) return MessageResult.DATA;
    if (type !== MessageType.CONTROL) return MessageResult.MALFORMED;
    if ((flags & Flag.RESYNC) !== 0) {
      this.sendBulk();
      return MessageResult.HANDLED;
    }
    return (flags & Flag.ALIVE) !== 0 ? MessageResult.HANDLED : MessageResult.MALFORMED;
  }

  enqueue(cached: Cached): void {
    if (this.parts.transmitQueue.add(cached)) cached.retain();
  }

  requestResync(): void {
    this.parts.transmitQueue.add(new Control(Flag.RESYNC));
  }

  sendBulk(): void {
    this.bulk((cached) => this.enqueue(cached));
  }

  transmit(): void {
    const { timers, outgoing, transmitQueue } = this.parts;
    transmitQueue.visit((queued) => {
      queued.unqueue();
      if (queued instanceof Control) outgoing.control(queued.flags, hasRange(queued.flags));
      else if (queued instanceof Cached) {
        outgoing.data(queued.messageType, 0, queued.record);
        queued.release();
      }
      return false;
    });
    timers.set(this.alive, ALIVE_INTERVAL_MS);
  }
}
