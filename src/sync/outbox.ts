import { Item } from '../flow/item.ts';
import type { InternalCache } from '../table/internal-cache.ts';
import { SlotState } from '../table/record-table.ts';
import type { InternalCaches } from './engine.ts';
import { MessageQueues, QueueItem } from './message-queues.ts';

/** The internal caches and the queues that hold their records: a record is in one queue at most, whatever happens to it. */
export class Outbox {
  readonly queues: MessageQueues;
  private readonly caches: readonly [flows: InternalCache, expectations: InternalCache];

  /** @param resendLimit messages kept at most until they are acknowledged; 0 where nothing is */
  constructor(caches: InternalCaches, resendLimit: number) {
    this.caches = [caches.flows, caches.expectations];
    this.queues = new MessageQueues(resendLimit);
  }

  cacheOf(item: Item): InternalCache {
    return this.caches[item as Item];
  }

  /** The record is to be sent, in its state at sending. */
  enqueue(item: Item, slot: number): void {
    const cache = this.cacheOf(item);
    let node = cache.holderOf(slot);
    if (node === 0) {
      node = this.queues.record(item, slot);
      cache.hold(slot, node);
    }
    this.queues.transmit(node);
  }

  /** All records are to be sent. Returns how many there are. */
  enqueueAll(): number {
    let records = 0;
    for (const item of [Item.FLOW, Item.EXPECTATION]) {
      const { table } = this.cacheOf(item);
      for (let slot = 0; slot < table.slots; slot++) {
        if (table.stateOf(slot) === SlotState.FREE) continue;
        this.enqueue(item, slot);
        records++;
      }
    }
    return records;
  }

  /** A control message is to be sent. */
  control(flags: number, from: number, to: number): void {
    this.queues.transmitControl(flags, from, to);
  }

  /** Nothing waits for this node any more. A record that is dead goes with it. */
  letGo(node: number): void {
    const item = this.queues.itemOf(node);
    const slot = this.queues.slotOf(node);
    this.queues.remove(node);
    if (item !== QueueItem.CONTROL) this.cacheOf(item).release(slot);
  }

  /** The record of this node was sent, and nobody will say whether it came. A dead one goes. */
  sent(node: number): void {
    const cache = this.cacheOf(this.queues.recordItemOf(node));
    const slot = this.queues.slotOf(node);
    this.queues.remove(node);
    cache.unhold(slot);
  }

  /** The record of this slot is dead, and is not to be sent for that. What waited for it before still does. */
  ended(item: Item, slot: number): void {
    const cache = this.cacheOf(item);
    if (cache.holderOf(slot) === 0) cache.release(slot);
  }

  /** The record of this slot is not to be sent (again). */
  forget(item: Item, slot: number): void {
    const node = this.cacheOf(item).holderOf(slot);
    if (node !== 0) this.letGo(node);
  }

  /** Forgets all records of one cache, before it is flushed. */
  forgetAll(item: Item): void {
    const { table } = this.cacheOf(item);
    for (let slot = 0; slot < table.slots; slot++) {
      if (table.stateOf(slot) !== SlotState.FREE) this.forget(item, slot);
    }
  }
}
