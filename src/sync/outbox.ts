import { assert } from '../bytes/assert.ts';
import { Item } from '../flow/item.ts';
import type { InternalCache } from '../table/internal-cache.ts';
import { SlotState } from '../table/record-table.ts';
import type { InternalCaches } from './engine.ts';
import { MessageQueues, QueueItem } from './message-queues.ts';

const HELD_ELSEWHERE = 'a record is released by a node that does not hold it';

/**
 * The internal caches and the message queues that hold their records. A record is in at most one queue, whatever
 * happens to it; a dead one is removed from its cache when it leaves the queues.
 */
export class Outbox {
  readonly queues: MessageQueues;
  private readonly caches: readonly [flows: InternalCache, expectations: InternalCache];

  /** @param resendLimit messages kept at most until they are acknowledged; 0 in modes without acknowledgements */
  constructor(caches: InternalCaches, resendLimit: number) {
    this.caches = [caches.flows, caches.expectations];
    this.queues = new MessageQueues(resendLimit);
  }

  cacheOf(item: Item): InternalCache {
    return this.caches[item];
  }

  /** Records in the internal caches, ended ones that wait to be sent included. */
  get records(): number {
    return this.caches[Item.FLOW].table.size + this.caches[Item.EXPECTATION].table.size;
  }

  /** Queues the record of this slot. It is sent in its state at sending. */
  enqueue(item: Item, slot: number): void {
    const cache = this.cacheOf(item);
    let node = cache.holderOf(slot);
    if (node === 0) {
      node = this.queues.createRecord(item, slot);
      cache.hold(slot, node);
    }
    this.queues.transmit(node);
  }

  /** Queues all records. Returns how many there are. */
  enqueueAll(): number {
    const all = Number.POSITIVE_INFINITY;
    return this.enqueueFrom(Item.FLOW, 0, all).queued + this.enqueueFrom(Item.EXPECTATION, 0, all).queued;
  }

  /** Queues up to `most` records of one cache, from this slot on. Returns how many, and the slot after the last one. */
  enqueueFrom(item: Item, from: number, most: number): { readonly queued: number; readonly next: number } {
    const { table } = this.cacheOf(item);
    let queued = 0;
    let slot = from;
    for (; slot < table.slots && queued < most; slot++) {
      if (table.stateOf(slot) === SlotState.FREE) continue;
      this.enqueue(item, slot);
      queued++;
    }
    return { queued, next: slot };
  }

  /** Queues a control message; `from` and `to` are the range of an ACK or NACK. */
  enqueueControl(flags: number, from: number, to: number): void {
    this.queues.transmitControl(flags, from, to);
  }

  /** Frees the node of a message that the peer has, or shall not have. */
  release(node: number): void {
    const item = this.queues.itemOf(node);
    const slot = this.queues.slotOf(node);
    this.queues.remove(node);
    if (item === QueueItem.CONTROL) return;
    const cache = this.cacheOf(item);
    assert(cache.holderOf(slot) === node, HELD_ELSEWHERE);
    cache.release(slot);
  }

  /** Frees the node of a record that was sent and that nobody has acknowledged: whether the peer has it stays unknown. */
  releaseSent(node: number): void {
    const cache = this.cacheOf(this.queues.recordItemOf(node));
    const slot = this.queues.slotOf(node);
    this.queues.remove(node);
    assert(cache.holderOf(slot) === node, HELD_ELSEWHERE);
    cache.unhold(slot);
  }

  /** The record of this slot is dead, which is not to be sent. It goes now, unless it is queued for something else. */
  releaseEnded(item: Item, slot: number): void {
    const cache = this.cacheOf(item);
    if (cache.holderOf(slot) === 0) cache.release(slot);
  }

  /** Takes the record of this slot out of the queues: it is not sent (again). */
  forget(item: Item, slot: number): void {
    const node = this.cacheOf(item).holderOf(slot);
    if (node !== 0) this.release(node);
  }

  /** Takes all records of one cache out of the queues. */
  forgetAll(item: Item): void {
    const { table } = this.cacheOf(item);
    for (let slot = 0; slot < table.slots; slot++) {
      if (table.stateOf(slot) !== SlotState.FREE) this.forget(item, slot);
    }
  }
}
