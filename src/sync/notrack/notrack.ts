import { WordsCache } from '../../bytes/words.ts';
import { Item } from '../../flow/item.ts';
import type { Collector } from '../../wire/collector.ts';
import {
  DIGEST_FLAGS,
  Flag,
  flagsOf,
  isDigest,
  lengthOf,
  RANGE_SIZE,
  rangeFromOf,
  rangeToOf,
  sequenceOf,
} from '../../wire/header.ts';
import { wireSize } from '../../wire/record.ts';
import { BulkSchedule } from '../bulk-schedule.ts';
import { DigestSchedule } from '../digest-schedule.ts';
import {
  type EngineEvent,
  type EngineStatus,
  type InternalCaches,
  MessageResult,
  type SyncEngine,
  TransmitResult,
} from '../engine.ts';
import { EngineEvents } from '../engine-events.ts';
import { Continuation } from '../interleaved-sequences.ts';
import { Keepalive } from '../keepalive.ts';
import { plausibleLoss } from '../limits/plausible-loss.ts';
import { MessageKind, plainKindOf } from '../message-kind.ts';
import type { MessageQueues } from '../message-queues.ts';
import { Outbox } from '../outbox.ts';
import { areAllOurs, reportSilences } from '../peer-presence.ts';
import { PeerTable } from '../peer-table.ts';
import { PresenceClock } from '../presence.ts';
import { writeControl, writeMessage, writeRange, writeRecord } from '../record-message.ts';
import { type SequenceCounters, SequenceSource } from '../sequence.ts';
import { BulkWalk } from './bulk-walk.ts';
import { PlainPeer } from './plain-peer.ts';
import { PlainRounds } from './plain-rounds.ts';

export interface NoTrackOptions {
  /** Our first sequence number: the wall clock in seconds, as C's. */
  readonly initialSequence: number;
  /** DisableInternalCache: the records of a bulk are in the kernel, not in the internal caches. */
  readonly bulkFromKernel: boolean;
  /** Gives numbers from 0 up to, not including, 1: names for requests. */
  readonly random: () => number;
  /**
   * Whether the node asks for everything by itself where it may lack something, and answers a C node that may lack something
   * without being asked. False unless given.
   */
  readonly healsItself?: boolean;
  /** False: records are copied byte by byte. */
  readonly fastPaths?: boolean;
}

/** What an ALIVE of ours has that says that everything is sent: its range has the name of the request twice. C sees an ALIVE. */
const ANSWERED = Flag.ALIVE | Flag.ANSWERED;

/**
 * NOTRACK, best effort: every change is sent once, and nothing is kept. Every data message is taken. docs/protocol.md, section 4,
 * has the rules:
 *
 * - {@link PlainRounds}: when the peers are asked for everything, and what follows from their answers.
 * - {@link BulkSchedule}, {@link BulkWalk}: when everything is sent, and how fast.
 */
export class NoTrack implements SyncEngine {
  readonly counters: SequenceCounters = { lost: 0, stale: 0, unfoundedAcks: 0, falseHellos: 0 };
  readonly isReliable = false;
  private readonly outbox: Outbox;
  private readonly options: NoTrackOptions;
  private readonly sequences: SequenceSource;
  private peersSeen = 0;
  private readonly losses = plausibleLoss();
  private readonly peers = new PeerTable(() => new PlainPeer(++this.peersSeen, this.losses));
  readonly rounds: PlainRounds;
  private readonly events = new EngineEvents();
  private readonly wordsCache: WordsCache;
  readonly bulks = new BulkSchedule();
  private readonly walk: BulkWalk;
  /** Whether the owner sends the kernel's table. */
  private isKernelBulkUnderWay = false;
  private readonly keepalive: Keepalive;
  private readonly presenceClock: PresenceClock;
  private readonly digests: DigestSchedule;

  /** @param now milliseconds of a clock that never goes back */
  constructor(caches: InternalCaches, options: NoTrackOptions, now: number) {
    this.outbox = new Outbox(caches, 0);
    this.walk = new BulkWalk(this.outbox);
    this.rounds = new PlainRounds(this.peers, options.random, options.healsItself === true, now);
    this.options = options;
    this.sequences = new SequenceSource(options.initialSequence);
    this.wordsCache = new WordsCache(options.fastPaths);
    this.keepalive = new Keepalive(now);
    this.presenceClock = new PresenceClock(now);
    this.digests = new DigestSchedule(now);
  }

  get queues(): MessageQueues {
    return this.outbox.queues;
  }

  handleMessage(sender: number, bytes: Uint8Array, at: number, now: number): MessageResult {
    const kind = plainKindOf(bytes, at);
    if (kind === MessageKind.BAD) return MessageResult.MALFORMED;

    const { rounds } = this;
    const peer = this.peers.touch(sender, now);
    peer.sender = sender;
    const silentMs = peer.presence.note(now);
    if (silentMs > 0) {
      this.events.add({ kind: 'peer-back', sender, silentMs });
      rounds.noteBack(peer, now);
    }
    const shown = peer.sequences.accept(sequenceOf(bytes, at), this.counters, now);
    const isData = kind === MessageKind.DATA;
    const isAnswered = !isData && isAnsweredAt(bytes, at);
    rounds.noteMessage(peer, shown, isData, kind === MessageKind.ALIVE && !isAnswered, now);
    if (isData) return MessageResult.DATA;
    if (shown === Continuation.NEXT && isDigest(bytes, at) && rounds.isComparable(peer))
      return MessageResult.DIGEST;
    if (kind === MessageKind.RESYNC) this.handleRequest(peer, bytes, at);
    else if (isAnswered) rounds.noteAnswered(peer, rangeFromOf(bytes, at));
    return MessageResult.HANDLED;
  }

  /** A peer asks for everything. The range of a request of ours is its name, and one more where that peer has just begun. */
  private handleRequest(peer: PlainPeer, bytes: Uint8Array, at: number): void {
    const [from, to] = [rangeFromOf(bytes, at), rangeToOf(bytes, at)];
    this.events.add({ kind: 'resync-requested-by-peer' });
    this.bulks.request(from);
    if (from === 0) return;
    peer.tells = true;
    if (to !== from) this.rounds.ask();
  }

  handleRecordChanged(): void {}

  handleRecordEnded(item: Item, slot: number): void {
    this.outbox.releaseEnded(item, slot);
  }

  handleTimeout(now: number): void {
    this.bulks.handleTimeout(now);
    this.walk.handleTimeout(now);
    this.digests.handleTimeout(now);
    this.rounds.handleTimeout(now);
    this.reviewPresence(now);
    if (now >= this.keepalive.dueAt) this.breakSilence(now);
  }

  breakSilenceEarly(now: number): boolean {
    if (!this.keepalive.noteMessages(now)) return false;
    this.breakSilence(now);
    return true;
  }

  private breakSilence(now: number): void {
    this.outbox.enqueueControl(Flag.ALIVE, 0, 0);
    this.keepalive.breakSilence(now);
  }

  enqueue(item: Item, slot: number): void {
    this.outbox.enqueue(item, slot);
  }

  forget(item: Item, slot: number): void {
    this.outbox.forget(item, slot);
  }

  releaseRecords(item: Item): void {
    this.outbox.forgetAll(item);
    this.bulks.noteFlushed(item);
  }

  noteCompared(isEqual: boolean): void {
    if (this.digests.noteCompared(isEqual)) this.rounds.ask();
  }

  noteTableRead(item: Item): void {
    if (this.bulks.noteTableRead(item)) this.rounds.invite();
  }

  sendBulk(): void {
    this.bulks.command();
  }

  /** The owner has sent so many records of the kernel's table, which was the whole of it or not. */
  noteKernelBulkEnd(records: number, isWhole: boolean): void {
    this.isKernelBulkUnderWay = false;
    if (isWhole) this.bulks.noteQueued(records, 0);
    else this.bulks.breakOff();
  }

  requestResync(): void {
    this.rounds.command();
  }

  /** Writes the record `bytes[0, length)`, which is in no cache, in a message of this type. It is not queued. */
  sendRecordNow(out: Collector, type: number, bytes: Uint8Array, length: number, now: number): void {
    const size = wireSize(bytes, 0, length);
    writeMessage(out, type, bytes, this.wordsCache.of(bytes), 0, size, 0, this.sequences.take());
    this.keepalive.noteTransmission(now);
  }

  pollTransmit(out: Collector, now: number, budget: number): TransmitResult {
    const { queues } = this;
    if (!this.isKernelBulkUnderWay && this.bulks.isDue(now)) this.beginBulk(now);
    const records = this.walk.step(now);
    if (records !== undefined) this.bulks.noteQueued(records, queues.recordsWaiting);
    if (this.rounds.hasAnswers) this.events.add({ kind: 'resync-complete' });
    this.askIfDue(now);

    let left = budget;
    for (; left > 0 && (queues.transmitLength > 0 || this.enqueueAnswers()); left--) {
      const control = queues.shiftControl();
      if (control !== 0) this.sendControl(out, control);
      else this.sendRecord(out, queues.shiftRecord());
    }
    const isAllSent = queues.transmitLength === 0 && !this.walk.isUnderWay;
    if (isAllSent && this.digests.take(now)) this.sendDigest(out, now);
    if (left < budget) this.keepalive.noteTransmission(now);
    out.flush();
    return queues.transmitLength === 0 ? TransmitResult.DONE : TransmitResult.MORE;
  }

  pollEvents(): readonly EngineEvent[] {
    return this.events.take();
  }

  pollTimeout(): number {
    return Math.min(
      this.keepalive.dueAt,
      this.presenceClock.dueAt,
      this.isKernelBulkUnderWay ? Number.POSITIVE_INFINITY : this.bulks.pollTimeout(),
      this.walk.dueAt,
      this.rounds.pollTimeout(),
      this.digests.dueAt,
    );
  }

  status(now: number): EngineStatus {
    return this.rounds.status(now);
  }

  private reviewPresence(now: number): void {
    if (!this.presenceClock.take(now)) return;
    reportSilences(this.peers.states(), this.events, now);
    this.rounds.joinLinks(now);
  }

  private beginBulk(now: number): void {
    if (this.options.bulkFromKernel) {
      this.isKernelBulkUnderWay = true;
      this.bulks.begin(0, Number.POSITIVE_INFINITY, now);
      this.events.add({ kind: 'bulk-from-kernel' });
      return;
    }
    const records = this.outbox.records;
    this.bulks.begin(records, Number.POSITIVE_INFINITY, now);
    this.walk.begin(now);
    this.events.add({ kind: 'bulk-update', records });
  }

  private askIfDue(now: number): void {
    if (!this.rounds.isAskDue(now)) return;
    this.events.add({ kind: 'resync-requested' });
    const { from, to } = this.rounds.begin(now);
    this.outbox.enqueueControl(Flag.RESYNC, from, to);
    // What we miss of a C node it may miss of us, and it does not ask.
    if (this.options.healsItself && this.rounds.hasSilentAsker) this.bulks.expectRequest(now);
  }

  /** Queues the ends of the answers whose records are all sent. Returns whether there are any. */
  private enqueueAnswers(): boolean {
    if (this.walk.isUnderWay) return false;
    if (!this.bulks.hasAnswered) return this.queues.hasControls;
    for (const request of this.bulks.takeAnswered())
      if (request !== 0) this.outbox.enqueueControl(ANSWERED, request, request);
    return this.queues.hasControls;
  }

  private sendDigest(out: Collector, now: number): void {
    if (this.options.bulkFromKernel || !this.bulks.isEverything || !areAllOurs(this.peers.states())) return;
    const { sum, count } = this.outbox.cacheOf(Item.FLOW).digest;
    writeRange(out, DIGEST_FLAGS, this.sequences.take(), sum, count);
    this.keepalive.noteTransmission(now);
  }

  private sendControl(out: Collector, node: number): void {
    const flags = this.queues.flagsOf(node);
    const sequence = this.sequences.take();
    if (flags !== Flag.ALIVE)
      writeRange(out, flags, sequence, this.queues.fromOf(node), this.queues.toOf(node));
    else writeControl(out, flags, sequence);
    this.outbox.release(node);
  }

  private sendRecord(out: Collector, node: number): void {
    const { queues } = this;
    const item = queues.recordItemOf(node);
    writeRecord(out, item, this.outbox.cacheOf(item), queues.slotOf(node), 0, this.sequences.take());
    this.outbox.release(node);
    if (!this.walk.isUnderWay) this.bulks.noteRecordSent(!queues.hasRecords);
  }
}

function isAnsweredAt(bytes: Uint8Array, at: number): boolean {
  return (flagsOf(bytes, at) & ANSWERED) === ANSWERED && lengthOf(bytes, at) >= RANGE_SIZE;
}
