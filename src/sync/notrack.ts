import type { Collector } from '../wire/collector.ts';
import { Flag, sequenceOf } from '../wire/header.ts';
import { wireSize } from '../wire/record.ts';
import { WordsMemo } from '../wire/words.ts';
import { type EngineFact, type InternalCaches, type SyncEngine, Transmission, Verdict } from './engine.ts';
import { Facts } from './facts.ts';
import { Kind, plainKindOf } from './message-kind.ts';
import type { Item, MessageQueues } from './message-queues.ts';
import { Outbox } from './outbox.ts';
import { writeControl, writeMessage, writeRange, writeRecord } from './record-message.ts';
import { Senders } from './senders.ts';
import { follow, type SequenceCounters, SequenceSource, SequenceTracker } from './sequence.ts';

export interface NoTrackOptions {
  /** The wall clock in seconds: our first sequence number. */
  readonly clockSeconds: number;
  /** DisableInternalCache: what is to be sent in a bulk is not in the caches, but in the kernel. */
  readonly bulkFromKernel: boolean;
}

/** A second without a transmission brings ALIVE. */
const ALIVE_INTERVAL = 1000;

/** NOTRACK, best effort: everything is sent once. Numbers are followed for the statistics only. */
export class NoTrack implements SyncEngine {
  readonly counters: SequenceCounters = { lost: 0, behind: 0, unfoundedAcks: 0 };
  readonly isReliable = false;
  private readonly outbox: Outbox;
  private readonly options: NoTrackOptions;
  private readonly numbers: SequenceSource;
  private readonly peers = new Senders(() => new SequenceTracker());
  private readonly facts = new Facts();
  private readonly given = new WordsMemo();
  private bulkOwed = false;
  private lastTransmission: number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(caches: InternalCaches, options: NoTrackOptions, now: number) {
    this.outbox = new Outbox(caches, 0);
    this.options = options;
    this.numbers = new SequenceSource(options.clockSeconds);
    this.lastTransmission = now;
  }

  get queues(): MessageQueues {
    return this.outbox.queues;
  }

  receive(sender: number, bytes: Uint8Array, at: number, now: number): Verdict {
    const kind = plainKindOf(bytes, at);
    if (kind === Kind.BAD) return Verdict.BAD;

    follow(this.peers.heard(sender, now), sequenceOf(bytes, at), this.counters);
    if (kind === Kind.DATA) return Verdict.DATA;
    if (kind === Kind.RESYNC) {
      this.facts.add({ kind: 'resync-requested-by-peer' });
      this.sendBulk();
    }
    return Verdict.CONTROL;
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
    return this.lastTransmission + ALIVE_INTERVAL;
  }

  handleTimeout(now: number): void {
    if (now < this.nextTimeout()) return;
    this.outbox.control(Flag.ALIVE, 0, 0);
    this.lastTransmission = now;
  }

  transmit(out: Collector, now: number, budget: number): Transmission {
    const { queues } = this;
    if (this.bulkOwed) this.beginBulk();
    if (queues.transmitLength === 0) return Transmission.DONE;
    this.lastTransmission = now;

    for (let left = budget; left > 0 && queues.transmitLength > 0; left--) {
      const control = queues.shiftControl();
      if (control !== 0) this.sendControl(out, control);
      else this.sendRecord(out, queues.shiftRecord());
    }
    out.flush();
    return queues.transmitLength === 0 ? Transmission.DONE : Transmission.MORE;
  }

  /** Sends a record that is in no cache, `bytes[0, length)`, in a message of this type. */
  sendRecordNow(out: Collector, type: number, bytes: Uint8Array, length: number, now: number): void {
    const size = wireSize(bytes, 0, length);
    writeMessage(out, type, bytes, this.given.of(bytes), 0, size, 0, this.numbers.take());
    this.lastTransmission = now;
  }

  releaseRecords(item: Item): void {
    this.outbox.forgetAll(item);
  }

  takeFacts(): readonly EngineFact[] {
    return this.facts.take();
  }

  private beginBulk(): void {
    this.bulkOwed = false;
    if (this.options.bulkFromKernel) this.facts.add({ kind: 'bulk-from-kernel' });
    else this.facts.add({ kind: 'bulk-update', records: this.outbox.enqueueAll() });
  }

  private sendControl(out: Collector, node: number): void {
    const flags = this.queues.flagsOf(node);
    const sequence = this.numbers.take();
    if (flags === Flag.RESYNC) writeRange(out, flags, sequence, 0, 0);
    else writeControl(out, flags, sequence);
    this.outbox.letGo(node);
  }

  private sendRecord(out: Collector, node: number): void {
    const { queues } = this;
    const item = queues.itemOf(node);
    writeRecord(out, item, this.outbox.cacheOf(item), queues.slotOf(node), 0, this.numbers.take());
    this.outbox.letGo(node);
  }
}
