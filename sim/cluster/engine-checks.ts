import type { SyncNode } from '../../src/daemon/sync/sync-node.ts';
import { Item } from '../../src/flow/item.ts';
import { CONTROLS_WAITING_MAX } from '../../src/sync/message-queues.ts';
import type { Cache } from '../../src/table/cache.ts';
import type { InternalCache } from '../../src/table/internal-cache.ts';
import { SlotState } from '../../src/table/record-table.ts';
import { before } from '../../src/wire/sequence.ts';
import { Violation } from './violation.ts';

/**
 * Nothing is larger than its limit.
 * @throws Violation
 */
export function checkSizes({ engine, replica, external, options }: SyncNode): void {
  const { queues } = engine;
  const { flows, expectations } = replica.internal;
  bound('resend queue', queues.resendLength, queues.resendLimit);
  const records = flows.table.size + expectations.table.size;
  const held = queues.transmitLength + queues.resendLength - queues.controlNodes;
  bound('queued records', held, records);
  bound('control messages', queues.controlNodes, queues.resendLimit + CONTROLS_WAITING_MAX);
  bound('internal cache', flows.table.size, options.hashLimit);
  bound('internal expectations', expectations.table.size, options.hashLimit);
  if (external.caches === undefined) return;
  bound('external cache', external.caches.flows.table.size, options.hashLimit);
  bound('external expectations', external.caches.expectations.table.size, options.hashLimit);
}

/**
 * The resend queue is in the order of its numbers, and every record is where it must be: a live one in the cache, and in
 * one queue if it is not settled; a dead one in a queue.
 * @throws Violation
 */
export function checkQueues(node: SyncNode): void {
  const { engine, replica, external } = node;
  const { queues } = engine;
  let last = 0;
  let length = 0;
  for (let at = queues.firstResend(); at !== 0; at = queues.nextResend(at)) {
    if (last !== 0 && !before(queues.sequenceOf(last), queues.sequenceOf(at))) {
      const order = `${queues.sequenceOf(at)} stands behind ${queues.sequenceOf(last)}`;
      throw new Violation('the resend queue is out of order', order);
    }
    last = at;
    length++;
  }
  if (length !== queues.resendLength)
    throw new Violation('the resend queue has lost count', `${length} found, ${queues.resendLength} counted`);
  checkHeld(node, Item.FLOW, replica.internal.flows);
  checkHeld(node, Item.EXPECTATION, replica.internal.expectations);
  checkCount('internal flows', replica.internal.flows);
  checkCount('internal expectations', replica.internal.expectations);
  if (external.caches === undefined) return;
  checkCount('external flows', external.caches.flows);
  checkCount('external expectations', external.caches.expectations);
}

function checkHeld({ engine: { queues } }: SyncNode, item: Item, cache: InternalCache): void {
  const { table } = cache;
  for (let slot = 0; slot < table.slots; slot++) {
    const state = table.stateOf(slot);
    const holder = cache.holderOf(slot);
    if (holder === 0) {
      if (state === SlotState.DEAD)
        throw new Violation('a dead record is kept for nobody', `slot ${slot} of cache ${item}`);
      continue;
    }
    if (state === SlotState.FREE)
      throw new Violation('a record is queued that is not there', `slot ${slot} of cache ${item}`);
    if (queues.itemOf(holder) !== item || queues.slotOf(holder) !== slot)
      throw new Violation('a record is lost from its queue', `slot ${slot} of cache ${item}`);
  }
}

function checkCount(name: string, cache: Cache): void {
  const { table } = cache;
  let live = 0;
  for (let slot = 0; slot < table.slots; slot++) {
    const state = table.stateOf(slot);
    if (state !== SlotState.FREE && state !== SlotState.DEAD) live++;
  }
  if (live !== cache.counters.active) {
    const counts = `${name}: ${live} found, ${cache.counters.active} counted`;
    throw new Violation('a cache has lost count', counts);
  }
}

function bound(name: string, size: number, limit: number): void {
  if (size > limit) throw new Violation('something is larger than its limit', `${name}: ${size} of ${limit}`);
}
