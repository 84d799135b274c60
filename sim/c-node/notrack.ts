import { Flag, isData, MessageType } from '../../src/wire/header.ts';
import { Alarm } from './alarms.ts';
import { Cached } from './cache.ts';
import { ALIVE_INTERVAL } from './ftfw.ts';
import { type Header, type Mode, Verdict } from './mode.ts';
import { Control, hasRange } from './outgoing.ts';
import type { Parts } from './parts.ts';

/** NOTRACK: each change is sent once. */
export class Notrack implements Mode {
  private readonly parts: Parts;
  private readonly bulk: (enqueue: (cached: Cached) => void) => void;
  private readonly alive = new Alarm(() => this.breakSilence());

  /** @param bulk sends everything, with the function given or otherwise */
  constructor(parts: Parts, bulk: (enqueue: (cached: Cached) => void) => void) {
    this.parts = parts;
    this.bulk = bulk;
    parts.alarms.set(this.alive, ALIVE_INTERVAL);
  }

  private breakSilence(): void {
    this.parts.transmitQueue.add(new Control(Flag.ALIVE));
    this.parts.alarms.set(this.alive, ALIVE_INTERVAL);
  }

  /** Numbers are counted and then followed wherever they go, back too. */
  receive(header: Header): Verdict {
    const { tracker } = this.parts;
    tracker.order(header.sequence);
    const verdict = this.digest(header);
    if (verdict !== Verdict.BAD) tracker.received(header.sequence);
    return verdict;
  }

  private digest({ type, flags }: Header): Verdict {
    if (isData(type, flags)) return Verdict.DATA;
    if (type !== MessageType.CONTROL) return Verdict.BAD;
    if ((flags & Flag.RESYNC) !== 0) {
      this.sendBulk();
      return Verdict.CONTROL;
    }
    return (flags & Flag.ALIVE) !== 0 ? Verdict.CONTROL : Verdict.BAD;
  }

  enqueue(cached: Cached): void {
    if (this.parts.transmitQueue.add(cached)) cached.refer();
  }

  requestResync(): void {
    this.parts.transmitQueue.add(new Control(Flag.RESYNC));
  }

  sendBulk(): void {
    this.bulk((cached) => this.enqueue(cached));
  }

  transmit(): void {
    const { alarms, outgoing, transmitQueue } = this.parts;
    transmitQueue.visit((queued) => {
      queued.unqueue();
      if (queued instanceof Control) outgoing.control(queued.flags, hasRange(queued.flags));
      else if (queued instanceof Cached) {
        outgoing.data(queued.messageType, 0, queued.record);
        queued.release();
      }
      return false;
    });
    alarms.set(this.alive, ALIVE_INTERVAL);
  }
}
