import { Item } from '../../../src/flow/item.ts';
import { CONTROLS_WAITING_MAX } from '../../../src/sync/message-queues.ts';
import type { ReceiveCounters } from '../../../src/sync/replica.ts';
import { SlotState } from '../../../src/table/record-table.ts';
import { after } from '../../../src/wire/sequence.ts';
import { fateOf, lengthAt } from '../reference.ts';
import { ensure } from '../target.ts';

import { type EngineNode, readers } from './engine-node.ts';

/** Every refusal is counted, once, as what it is. */
export function checkCounters(
  node: EngineNode,
  datagram: Uint8Array,
  before: ReceiveCounters,
  valid: boolean,
): void {
  const { counters } = node.replica;
  const expected: Record<keyof ReceiveCounters, number> = { ...before };
  let bad = 0;
  let anyValid = false;
  let next = 0;
  for (let at = 0; at < datagram.length; at += lengthAt(datagram, at)) {
    const fate = fateOf(datagram, at, datagram.length, node.mode);
    if (fate === 'truncated') expected.truncated++;
    else if (fate === 'bad size') expected.badSize++;
    else if (fate === 'bad version') expected.badVersion++;
    else if (fate === 'bad header') bad++;
    if (fate === 'truncated' || fate === 'bad size') break;
    if (fate === 'control' || fate === 'skipped') anyValid ||= node.mode !== 'ftfw';
    // An FT-FW engine may drop a data message for its number; the others let all of them through.
    const isAccepted = node.accepted[next] === at;
    if (isAccepted) next++;
    ensure(fate === 'data' || !isAccepted, () => `a message that is ${fate} is taken for data`);
    ensure(fate !== 'data' || isAccepted || node.mode === 'ftfw', () => 'a data message is skipped');
    if (!isAccepted) continue;
    anyValid = true;
    const type = datagram[at]! & 15;
    if (type > 5) expected.badType++;
    else if (!readers[type <= 2 ? 0 : 1]!.read(datagram, at + 8, at + lengthAt(datagram, at)))
      expected.badPayload++;
  }
  ensure(node.badHeaders === bad, () => `${node.badHeaders} messages have a bad header, expected ${bad}`);
  expected.badHeader += bad;
  expected.malformed = 0;
  for (const [name, count] of Object.entries(expected)) if (name !== 'malformed') expected.malformed += count;
  for (const name of Object.keys(expected) as (keyof ReceiveCounters)[]) {
    ensure(
      counters[name] === expected[name],
      () => `${name} is ${counters[name]}, expected ${expected[name]}`,
    );
  }
  ensure(valid || !anyValid, () => 'a datagram with a valid message counts as none');
}

export function checkQueues(node: EngineNode): void {
  const { engine, internal } = node;
  const { queues, counters } = engine;
  ensure(
    queues.resendLength <= node.resendLimit,
    () => `${queues.resendLength} messages are kept for resending`,
  );
  ensure(
    queues.controlNodes <= CONTROLS_WAITING_MAX + node.resendLimit,
    () => `${queues.controlNodes} control messages wait`,
  );
  const records = internal.flows.table.size + internal.expectations.table.size;
  ensure(
    queues.transmitLength + queues.resendLength <= records + queues.controlNodes,
    () => `${queues.transmitLength} messages wait, of ${records} records`,
  );
  let count = 0;
  let last = -1;
  for (let item = queues.firstResend(); item !== 0; item = queues.nextResend(item)) {
    const sequence = queues.sequenceOf(item);
    ensure(last < 0 || after(sequence, last), () => `the resend queue has ${sequence} behind ${last}`);
    last = sequence;
    count++;
  }
  ensure(count === queues.resendLength, () => `the resend queue has ${count} of ${queues.resendLength}`);
  for (const [name, value] of Object.entries(counters)) {
    ensure(Number.isInteger(value) && value >= 0, () => `${name} is ${value}`);
  }
  ensure(!Number.isNaN(engine.pollTimeout()), () => 'the next timeout is no number');
}

export function checkCaches(node: EngineNode): void {
  const { queues } = node.engine;
  let held = 0;
  for (const [item, cache] of [
    [Item.FLOW, node.internal.flows],
    [Item.EXPECTATION, node.internal.expectations],
  ] as const) {
    const { table } = cache;
    for (let slot = 0; slot < table.slots; slot++) {
      const state = table.stateOf(slot);
      const holder = cache.holderOf(slot);
      if (state === SlotState.FREE) {
        ensure(holder === 0, () => `a free slot is held by ${holder}`);
        continue;
      }
      if (holder !== 0) {
        held++;
        const same = queues.itemOf(holder) === item && queues.slotOf(holder) === slot;
        ensure(same, () => `slot ${slot} is held by a message of something else`);
      }
      ensure(
        state !== SlotState.DEAD || holder !== 0,
        () => 'a dead record that nobody holds stays for ever',
      );
    }
  }
  const messages = queues.transmitLength + queues.resendLength - queues.controlNodes;
  ensure(messages === held, () => `${messages} messages of records, and ${held} records are held`);
  for (const cache of [
    node.internal.flows,
    node.internal.expectations,
    node.external.flows,
    node.external.expectations,
  ]) {
    const { table, counters } = cache;
    let live = 0;
    let all = 0;
    for (let slot = 0; slot < table.slots; slot++) {
      const state = table.stateOf(slot);
      if (state === SlotState.FREE) continue;
      all++;
      if (state !== SlotState.DEAD) live++;
      const at = table.offsetOf(slot);
      const found = table.find(table.bytesOf(slot), at, at + table.sizeOf(slot));
      ensure(found === slot, () => `the record of slot ${slot} is found in ${found}`);
    }
    ensure(all === table.size && all <= node.limit, () => `${all} records, counted as ${table.size}`);
    ensure(live === counters.active, () => `${live} live records, counted as ${counters.active}`);
    for (const [name, value] of Object.entries(counters)) {
      ensure(Number.isInteger(value) && value >= 0, () => `${name} of a cache is ${value}`);
    }
  }
}
