import { WordsCache } from '../bytes/words.ts';
import type { Item } from '../flow/item.ts';
import type { Collector } from '../wire/collector.ts';
import { Flag, sequenceOf } from '../wire/header.ts';
import { wireSize } from '../wire/record.ts';
import {
  type EngineEvent,
  type EngineStatus,
  type InternalCaches,
  MessageResult,
  Missing,
  type SyncEngine,
  TransmitResult,
} from './engine.ts';
import { EngineEvents } from './engine-events.ts';
import { InterleavedSequences } from './interleaved-sequences.ts';
import { MessageKind, plainKindOf } from './message-kind.ts';
import type { MessageQueues } from './message-queues.ts';
import { Outbox } from './outbox.ts';
import { PeerTable } from './peer-table.ts';
import { Presence, PresenceClock } from './presence.ts';
import { writeControl, writeMessage, writeRange, writeRecord } from './record-message.ts';
import { type SequenceCounters, SequenceSource } from './sequence.ts';

export interface NoTrackOptions {
  /** Our first sequence number: the wall clock in seconds, as C's. */
  readonly initialSequence: number;
  /** DisableInternalCache: the records of a bulk are in the kernel, not in the internal caches. */
  readonly bulkFromKernel: boolean;
  /** False: records are copied byte by byte. */
  readonly fastPaths?: boolean;
}

/** A node sends something at least this often: ALIVE, if it has nothing else to send. */
const ALIVE_INTERVAL_MS = 1000;

/**
 * NOTRACK, best effort: every change is sent once, and nothing is kept. A RESYNC of a peer is answered with a bulk.
 * Every data message is taken; sequence numbers only count for the statistics. docs/protocol.md, section 4.
 */
export class NoTrack implements SyncEngine {
  readonly counters: SequenceCounters = { lost: 0, stale: 0, unfoundedAcks: 0 };
  readonly isReliable = false;
  private readonly outbox: Outbox;
  private readonly options: NoTrackOptions;
  private readonly sequences: SequenceSource;
  private readonly peers = new PeerTable(() => new InterleavedSequences());
  private readonly events = new EngineEvents();
  private readonly wordsCache: WordsCache;
  private bulkPending = false;
  private lastBulk: EngineStatus['lastBulk'];
  private lastTransmission: number;
  private readonly presence = new Presence();
  /** The sender of the last message. */
  private lastSender = 0;
  private readonly presenceClock: PresenceClock;

  /** @param now milliseconds of a clock that never goes back */
  constructor(caches: InternalCaches, options: NoTrackOptions, now: number) {
    this.outbox = new Outbox(caches, 0);
    this.options = options;
    this.sequences = new SequenceSource(options.initialSequence);
    this.wordsCache = new WordsCache(options.fastPaths);
    this.lastTransmission = now;
    this.presenceClock = new PresenceClock(now);
  }

  get queues(): MessageQueues {
    return this.outbox.queues;
  }

  handleMessage(sender: number, bytes: Uint8Array, at: number, now: number): MessageResult {
    const kind = plainKindOf(bytes, at);
    if (kind === MessageKind.BAD) return MessageResult.MALFORMED;

    const silentMs = this.presence.note(now);
    if (silentMs > 0) this.events.add({ kind: 'peer-back', sender, silentMs });
    this.lastSender = sender;
    this.peers.touch(sender, now).accept(sequenceOf(bytes, at), this.counters);
    if (kind === MessageKind.DATA) return MessageResult.DATA;
    if (kind === MessageKind.RESYNC) {
      this.events.add({ kind: 'resync-requested-by-peer' });
      this.sendBulk();
    }
    return MessageResult.HANDLED;
  }

  handleRecordChanged(): void {}

  handleRecordEnded(item: Item, slot: number): void {
    this.outbox.releaseEnded(item, slot);
  }

  handleTimeout(now: number): void {
    if (this.presenceClock.take(now)) {
      const silentMs = this.presence.review(now);
      if (silentMs > 0) this.events.add({ kind: 'peer-silent', sender: this.lastSender, silentMs });
    }
    if (now < this.aliveAt) return;
    this.outbox.enqueueControl(Flag.ALIVE, 0, 0);
    this.lastTransmission = now;
  }

  enqueue(item: Item, slot: number): void {
    this.outbox.enqueue(item, slot);
  }

  forget(item: Item, slot: number): void {
    this.outbox.forget(item, slot);
  }

  releaseRecords(item: Item): void {
    this.outbox.forgetAll(item);
  }

  sendBulk(): void {
    this.bulkPending = true;
  }

  requestResync(): void {
    this.events.add({ kind: 'resync-requested' });
    this.outbox.enqueueControl(Flag.RESYNC, 0, 0);
  }

  /** Writes the record `bytes[0, length)`, which is in no cache, in a message of this type. It is not queued. */
  sendRecordNow(out: Collector, type: number, bytes: Uint8Array, length: number, now: number): void {
    const size = wireSize(bytes, 0, length);
    writeMessage(out, type, bytes, this.wordsCache.of(bytes), 0, size, 0, this.sequences.take());
    this.lastTransmission = now;
  }

  pollTransmit(out: Collector, now: number, budget: number): TransmitResult {
    const { queues } = this;
    if (this.bulkPending) this.beginBulk(now);
    if (queues.transmitLength === 0) return TransmitResult.DONE;
    this.lastTransmission = now;

    for (let left = budget; left > 0 && queues.transmitLength > 0; left--) {
      const control = queues.shiftControl();
      if (control !== 0) this.sendControl(out, control);
      else this.sendRecord(out, queues.shiftRecord());
    }
    out.flush();
    return queues.transmitLength === 0 ? TransmitResult.DONE : TransmitResult.MORE;
  }

  pollEvents(): readonly EngineEvent[] {
    return this.events.take();
  }

  pollTimeout(): number {
    return Math.min(this.aliveAt, this.presenceClock.dueAt);
  }

  status(): EngineStatus {
    const { heardAt, isSilent } = this.presence;
    return {
      peers: this.peers.states().size,
      silent: isSilent ? this.peers.states().size : 0,
      heardAt,
      missing: Missing.UNKNOWN,
      lastBulk: this.lastBulk,
      ackDelays: undefined,
    };
  }

  private get aliveAt(): number {
    return this.lastTransmission + ALIVE_INTERVAL_MS;
  }

  private beginBulk(now: number): void {
    this.bulkPending = false;
    if (this.options.bulkFromKernel) {
      this.events.add({ kind: 'bulk-from-kernel' });
      return;
    }
    const records = this.outbox.enqueueAll();
    this.lastBulk = { records, at: now };
    this.events.add({ kind: 'bulk-update', records });
  }

  private sendControl(out: Collector, node: number): void {
    const flags = this.queues.flagsOf(node);
    const sequence = this.sequences.take();
    if (flags === Flag.RESYNC) writeRange(out, flags, sequence, 0, 0);
    else writeControl(out, flags, sequence);
    this.outbox.release(node);
  }

  private sendRecord(out: Collector, node: number): void {
    const { queues } = this;
    const item = queues.recordItemOf(node);
    writeRecord(out, item, this.outbox.cacheOf(item), queues.slotOf(node), 0, this.sequences.take());
    this.outbox.release(node);
  }
}
