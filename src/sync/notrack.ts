import { WordsCache } from '../bytes/words.ts';
import type { Item } from '../flow/item.ts';
import type { Collector } from '../wire/collector.ts';
import { Flag, sequenceOf } from '../wire/header.ts';
import { wireSize } from '../wire/record.ts';
import { type EngineEvent, type InternalCaches, type SyncEngine, Transmission, Verdict } from './engine.ts';
import { EngineEvents } from './engine-events.ts';
import { MessageKind, plainKindOf } from './message-kind.ts';
import type { MessageQueues } from './message-queues.ts';
import { Outbox } from './outbox.ts';
import { PeerTable } from './peer-table.ts';
import { writeControl, writeMessage, writeRange, writeRecord } from './record-message.ts';
import { follow, type SequenceCounters, SequenceSource, SequenceTracker } from './sequence.ts';

export interface NoTrackOptions {
  /** The wall clock in seconds: our first sequence number. */
  readonly clockSeconds: number;
  /** DisableInternalCache: what is to be sent in a bulk is not in the caches, but in the kernel. */
  readonly bulkFromKernel: boolean;
  /** False: records are copied byte by byte. */
  readonly fastPaths?: boolean;
}

/** A second without a transmission brings ALIVE. */
const ALIVE_INTERVAL_MS = 1000;

/** NOTRACK, best effort: everything is sent once. Numbers are followed for the statistics only. */
export class NoTrack implements SyncEngine {
  readonly counters: SequenceCounters = { lost: 0, stale: 0, unfoundedAcks: 0 };
  readonly isReliable = false;
  private readonly outbox: Outbox;
  private readonly options: NoTrackOptions;
  private readonly numbers: SequenceSource;
  private readonly peers = new PeerTable(() => new SequenceTracker());
  private readonly events = new EngineEvents();
  private readonly wordsCache: WordsCache;
  private bulkPending = false;
  private lastTransmission: number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(caches: InternalCaches, options: NoTrackOptions, now: number) {
    this.outbox = new Outbox(caches, 0);
    this.options = options;
    this.numbers = new SequenceSource(options.clockSeconds);
    this.wordsCache = new WordsCache(options.fastPaths);
    this.lastTransmission = now;
  }

  get queues(): MessageQueues {
    return this.outbox.queues;
  }

  handleMessage(sender: number, bytes: Uint8Array, at: number, now: number): Verdict {
    const kind = plainKindOf(bytes, at);
    if (kind === MessageKind.BAD) return Verdict.BAD;

    follow(this.peers.touch(sender, now), sequenceOf(bytes, at), this.counters);
    if (kind === MessageKind.DATA) return Verdict.DATA;
    if (kind === MessageKind.RESYNC) {
      this.events.add({ kind: 'resync-requested-by-peer' });
      this.sendBulk();
    }
    return Verdict.CONTROL;
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
    return this.lastTransmission + ALIVE_INTERVAL_MS;
  }

  handleTimeout(now: number): void {
    if (now < this.pollTimeout()) return;
    this.outbox.control(Flag.ALIVE, 0, 0);
    this.lastTransmission = now;
  }

  pollTransmit(out: Collector, now: number, budget: number): Transmission {
    const { queues } = this;
    if (this.bulkPending) this.beginBulk();
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
    writeMessage(out, type, bytes, this.wordsCache.of(bytes), 0, size, 0, this.numbers.take());
    this.lastTransmission = now;
  }

  releaseRecords(item: Item): void {
    this.outbox.forgetAll(item);
  }

  pollEvents(): readonly EngineEvent[] {
    return this.events.take();
  }

  private beginBulk(): void {
    this.bulkPending = false;
    if (this.options.bulkFromKernel) this.events.add({ kind: 'bulk-from-kernel' });
    else this.events.add({ kind: 'bulk-update', records: this.outbox.enqueueAll() });
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
    const item = queues.recordItemOf(node);
    writeRecord(out, item, this.outbox.cacheOf(item), queues.slotOf(node), 0, this.numbers.take());
    this.outbox.letGo(node);
  }
}
