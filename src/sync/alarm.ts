import { Item } from '../flow/item.ts';
import { SlotState } from '../table/record-table.ts';
import { TimerWheel } from '../table/timer-wheel.ts';
import type { Collector } from '../wire/collector.ts';
import { flagsOf, sequenceOf } from '../wire/header.ts';
import {
  type EngineEvent,
  type EngineStatus,
  type InternalCaches,
  MessageResult,
  Missing,
  type SyncEngine,
  TransmitResult,
} from './engine.ts';
import { InterleavedSequences } from './interleaved-sequences.ts';
import { plausibleLoss } from './limits/plausible-loss.ts';
import type { MessageQueues } from './message-queues.ts';
import { Outbox } from './outbox.ts';
import { PeerTable } from './peer-table.ts';
import { writeRecord } from './record-message.ts';
import { type SequenceCounters, SequenceSource } from './sequence.ts';

export interface AlarmOptions {
  /** Our first sequence number: the wall clock in seconds, as C's. */
  readonly initialSequence: number;
  /** RefreshTime: a record is sent again this long, and up to a second more, after it was sent, or earlier. */
  readonly refreshSeconds: number;
  /** Gives numbers from 0 up to, not including, 1. */
  readonly random: () => number;
}

/** Refreshes are spread over fifths of a second, as the C node's are. */
const TICK_MS = 200;
const TICKS_PER_SECOND = 1000 / TICK_MS;

/** A longer RefreshTime counts as this one: a day. */
const REFRESH_SECONDS_MAX = 86_400;

const NO_EVENTS: readonly EngineEvent[] = [];

/**
 * ALARM, soft state: each record is sent again, 1 to RefreshTime seconds and a fraction after it was sent or changed,
 * as long as its flow lives. There are no control messages, and a message with any flag is ignored. docs/protocol.md,
 * section 4.
 */
export class Alarm implements SyncEngine {
  readonly counters: SequenceCounters = { lost: 0, stale: 0, unfoundedAcks: 0, falseHellos: 0 };
  readonly bulks = { last: undefined };
  readonly isReliable = false;
  readonly rounds = undefined;
  private readonly outbox: Outbox;
  private readonly options: AlarmOptions;
  private readonly refreshSeconds: number;
  private readonly sequences: SequenceSource;
  private readonly losses = plausibleLoss();
  private readonly peers = new PeerTable(() => new InterleavedSequences(this.losses));
  /** When the last message came, in milliseconds. */
  private heardAt = Number.NEGATIVE_INFINITY;
  /** When each record is sent again. */
  private readonly refreshes: readonly [flows: TimerWheel, expectations: TimerWheel];

  /** @param now milliseconds of a clock that never goes back */
  constructor(caches: InternalCaches, options: AlarmOptions, now: number) {
    this.outbox = new Outbox(caches, 0);
    this.options = options;
    this.refreshSeconds = Math.min(options.refreshSeconds, REFRESH_SECONDS_MAX);
    this.sequences = new SequenceSource(options.initialSequence);
    const horizon = (this.refreshSeconds + 1) * TICKS_PER_SECOND;
    const wheel = () => new TimerWheel(horizon, tickOf(now));
    this.refreshes = [wheel(), wheel()];
  }

  get queues(): MessageQueues {
    return this.outbox.queues;
  }

  status(): EngineStatus {
    return {
      peers: this.peers.states().size,
      // A node with nothing to refresh sends nothing.
      silent: 0,
      heardAt: this.heardAt,
      missing: Missing.UNKNOWN,
      ackDelays: undefined,
    };
  }

  handleMessage(sender: number, bytes: Uint8Array, at: number, now: number): MessageResult {
    // Only a peer in another mode sets flags.
    if (flagsOf(bytes, at) !== 0) return MessageResult.HANDLED;
    this.heardAt = now;
    this.peers.touch(sender, now).accept(sequenceOf(bytes, at), this.counters, now);
    return MessageResult.DATA;
  }

  handleRecordChanged(item: Item, slot: number, now: number): void {
    // Timers count from the wheel's time, which stands still while no timer runs.
    this.refresh(item, now);
    this.refreshes[item].set(slot, this.randomTicks());
  }

  handleRecordEnded(item: Item, slot: number): void {
    this.refreshes[item].end(slot);
    this.outbox.releaseEnded(item, slot);
  }

  handleTimeout(now: number): void {
    this.refresh(Item.FLOW, now);
    this.refresh(Item.EXPECTATION, now);
  }

  breakSilenceEarly(): boolean {
    return false;
  }

  enqueue(item: Item, slot: number): void {
    this.outbox.enqueue(item, slot);
  }

  forget(item: Item, slot: number): void {
    this.outbox.forget(item, slot);
  }

  releaseRecords(item: Item): void {
    this.refreshes[item].clear();
    this.outbox.forgetAll(item);
  }

  noteTableRead(): void {}

  noteCompared(): void {}

  /** Does nothing: in this mode every record is sent again by itself. */
  sendBulk(): void {}

  /** Does nothing: the peer sends every record again by itself. */
  requestResync(): void {}

  pollTransmit(out: Collector, _now: number, budget: number): TransmitResult {
    const { queues } = this;
    if (queues.transmitLength === 0) return TransmitResult.DONE;
    for (let left = budget; left > 0 && queues.transmitLength > 0; left--)
      this.sendRecord(out, queues.shiftRecord());
    out.flush();
    return queues.transmitLength === 0 ? TransmitResult.DONE : TransmitResult.MORE;
  }

  pollEvents(): readonly EngineEvent[] {
    return NO_EVENTS;
  }

  pollTimeout(): number {
    const [flows, expectations] = this.refreshes;
    if (flows.size === 0 && expectations.size === 0) return Number.POSITIVE_INFINITY;
    return (Math.min(flows.tick, expectations.tick) + 1) * TICK_MS;
  }

  /** Queues the records whose refresh is due at `now`. */
  private refresh(item: Item, now: number): void {
    const refreshes = this.refreshes[item];
    const tick = tickOf(now);
    if (tick <= refreshes.tick) return;
    refreshes.expire(tick, (slot) => {
      this.outbox.enqueue(item, slot);
      refreshes.set(slot, this.randomTicks());
    });
  }

  private sendRecord(out: Collector, node: number): void {
    const { queues } = this;
    const item = queues.recordItemOf(node);
    const slot = queues.slotOf(node);
    const cache = this.outbox.cacheOf(item);
    writeRecord(out, item, cache, slot, 0, this.sequences.take());
    if (cache.table.stateOf(slot) === SlotState.DEAD) this.refreshes[item].end(slot);
    this.outbox.releaseSent(node);
  }

  /** 1 to RefreshTime seconds, and a fraction of a second. */
  private randomTicks(): number {
    const { random } = this.options;
    const seconds = 1 + Math.floor(random() * this.refreshSeconds);
    return seconds * TICKS_PER_SECOND + 1 + Math.floor(random() * TICKS_PER_SECOND);
  }
}

function tickOf(now: number): number {
  return Math.floor(now / TICK_MS);
}
