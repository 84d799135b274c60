import type { InternalCache } from '../table/internal-cache.ts';
import { SlotState } from '../table/record-table.ts';
import type { Collector } from '../wire/collector.ts';
import { Flag, sequenceOf } from '../wire/header.ts';
import { previous, span } from '../wire/sequence.ts';
import {
  type EngineFact,
  type InternalCaches,
  type SequenceCounters,
  type SyncEngine,
  Transmission,
  Verdict,
} from './engine.ts';
import { Kind, kindOf } from './message-kind.ts';
import { Item, MessageQueues } from './message-queues.ts';
import { writeControl, writeMessage, writeRange, writeRecord } from './record-message.ts';
import { Place, SequenceSource, type SequenceTracker } from './sequence.ts';
import { Senders } from './senders.ts';

/** A second without a transmission brings ALIVE. */
const ALIVE_INTERVAL = 1000;

/** NOTRACK, best effort: everything is sent once. Numbers are followed for the statistics only. */
export class NoTrack implements SyncEngine {
  readonly counters: SequenceCounters = { lost: 0, behind: 0, unfoundedAcks: 0 };
  readonly queues = new MessageQueues(0);
  private readonly caches: readonly [flows: InternalCache, expectations: InternalCache] | undefined;
  private readonly numbers: SequenceSource;
  private readonly senders = new Senders();
  private lastTransmission: number;
  private facts: EngineFact[] = [];

  /**
   * @param caches undefined with DisableInternalCache: a bulk is then asked of the owner, as a fact
   * @param clockSeconds the wall clock in seconds: our first sequence number
   * @param now milliseconds of a clock that never goes back
   */
  constructor(caches: InternalCaches | undefined, clockSeconds: number, now: number) {
    this.caches = caches && [caches.flows, caches.expectations];
    this.numbers = new SequenceSource(clockSeconds);
    this.lastTransmission = now;
  }

  receive(sender: number, bytes: Uint8Array, at: number, now: number): Verdict {
    const kind = kindOf(bytes, at);
    if (kind !== Kind.DATA && kind !== Kind.RESYNC && kind !== Kind.ALIVE) return Verdict.BAD;
    this.follow(this.senders.numbersOf(sender, now), sequenceOf(bytes, at));
    if (kind === Kind.DATA) return Verdict.DATA;
    if (kind === Kind.RESYNC) {
      this.facts.push({ kind: 'resync-requested-by-peer' });
      this.sendBulk();
    }
    return Verdict.CONTROL;
  }

  changed(): void {}

  enqueue(item: Item, slot: number): void {
    const cache = this.caches![item as 0 | 1];
    let node = cache.holderOf(slot);
    if (node === 0) {
      node = this.queues.record(item, slot);
      cache.hold(slot, node);
    }
    this.queues.transmit(node);
  }

  forget(item: Item, slot: number): void {
    const cache = this.caches![item as 0 | 1];
    const node = cache.holderOf(slot);
    if (node === 0) return;
    this.queues.remove(node);
    cache.release(slot);
  }

  sendBulk(): void {
    if (!this.caches) {
      this.facts.push({ kind: 'bulk-from-kernel' });
      return;
    }
    let records = 0;
    for (const item of [Item.FLOW, Item.EXPECTATION]) {
      const { table } = this.caches[item];
      for (let slot = 0; slot < table.slots; slot++) {
        if (table.stateOf(slot) === SlotState.FREE) continue;
        this.enqueue(item, slot);
        records++;
      }
    }
    this.facts.push({ kind: 'bulk-update', records });
  }

  requestResync(): void {
    this.facts.push({ kind: 'resync-requested' });
    this.queues.transmit(this.queues.control(Flag.RESYNC, 0, 0));
  }

  nextTimeout(): number {
    return this.lastTransmission + ALIVE_INTERVAL;
  }

  handleTimeout(now: number): void {
    if (now < this.nextTimeout()) return;
    this.queues.transmit(this.queues.control(Flag.ALIVE, 0, 0));
    this.lastTransmission = now;
  }

  transmit(out: Collector, now: number, budget: number): Transmission {
    const { queues } = this;
    if (queues.transmitLength === 0) return Transmission.DONE;
    this.lastTransmission = now;
    let left = budget;
    for (let node = 0; left > 0; left--) {
      node = queues.shiftControl();
      if (node === 0) break;
      this.sendControl(out, node);
    }
    for (let node = 0; left > 0; left--) {
      node = queues.shiftRecord();
      if (node === 0) break;
      this.sendRecord(out, node);
    }
    out.flush();
    return queues.transmitLength === 0 ? Transmission.DONE : Transmission.MORE;
  }

  /** Writes a change of our kernel's table that is in no cache: the record is `bytes[0, length)`. */
  sendDirectly(out: Collector, type: number, bytes: Uint8Array, length: number, now: number): void {
    writeMessage(out, type, bytes, 0, length, this.numbers.take());
    this.lastTransmission = now;
  }

  releaseRecords(item: Item): void {
    if (!this.caches) return;
    const { table } = this.caches[item as 0 | 1];
    for (let slot = 0; slot < table.slots; slot++) {
      if (table.stateOf(slot) !== SlotState.FREE) this.forget(item, slot);
    }
  }

  takeFacts(): readonly EngineFact[] {
    if (this.facts.length === 0) return this.facts;
    const facts = this.facts;
    this.facts = [];
    return facts;
  }

  /** Counts gaps and repeats; everything is taken all the same. */
  private follow(numbers: SequenceTracker, sequence: number): void {
    const place = numbers.place(sequence);
    if (place === Place.AHEAD) this.counters.lost += span(numbers.expected, previous(sequence));
    else if (place === Place.BEHIND) this.counters.behind++;
    numbers.accept(sequence);
  }

  private sendControl(out: Collector, node: number): void {
    const flags = this.queues.flagsOf(node);
    const sequence = this.numbers.take();
    if (flags === Flag.RESYNC) writeRange(out, flags, sequence, 0, 0);
    else writeControl(out, flags, sequence);
    this.queues.remove(node);
  }

  private sendRecord(out: Collector, node: number): void {
    const item = this.queues.itemOf(node) as 0 | 1;
    const slot = this.queues.slotOf(node);
    const cache = this.caches![item];
    writeRecord(out, item, cache, slot, 0, this.numbers.take());
    this.queues.remove(node);
    cache.release(slot);
  }
}
