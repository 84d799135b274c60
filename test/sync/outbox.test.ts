import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Item } from '../../src/flow/item.ts';
import { Outbox } from '../../src/sync/outbox.ts';
import { InternalCache } from '../../src/table/internal-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../src/table/key.ts';
import { SlotState } from '../../src/table/record-table.ts';
import { encodeExpectation } from '../../src/wire/encode.ts';
import { Flag } from '../../src/wire/header.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../../src/wire/record.ts';
import { flow, record } from '../table/records.ts';

const { FLOW, EXPECTATION } = Item;

function create() {
  const flows = new InternalCache(FLOW_FORMAT, new FlowKeyer(1), 100);
  const expectations = new InternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(1), 100);
  const outbox = new Outbox({ flows, expectations }, 10);
  const begin = (n: number) => flows.new(record(n), record(n).length, 0);
  const end = (n: number) => flows.destroy(record(n), record(n).length);
  /** Sends and releases the next record. Returns its slot, -1 if none is queued. */
  const sendNext = () => {
    const node = outbox.queues.shiftRecord();
    if (node === 0) return -1;
    const slot = outbox.queues.slotOf(node);
    outbox.release(node);
    return slot;
  };
  return { flows, expectations, outbox, begin, end, sendNext };
}

describe('Outbox', () => {
  it('queues a record once, however often it changes before it is sent', () => {
    const { outbox, begin } = create();
    const slot = begin(1);
    for (let n = 0; n < 3; n++) outbox.enqueue(FLOW, slot);
    expect(outbox.queues.transmitLength).toBe(1);
  });

  it('keeps a dead record until it is sent, and no longer', () => {
    const { flows, outbox, begin, end, sendNext } = create();
    outbox.enqueue(FLOW, begin(1));
    outbox.enqueue(FLOW, end(1));
    expect(flows.table.stateOf(0)).toBe(SlotState.DEAD);
    expect(sendNext()).toBe(0);
    expect(flows.table.size).toBe(0);
    expect(flows.holderOf(0)).toBe(0);
  });

  it('releases a dead record at once that is not sent, unless it is queued', () => {
    const { flows, outbox, begin, end } = create();
    begin(1);
    outbox.releaseEnded(FLOW, end(1));
    expect(flows.table.size).toBe(0);
    outbox.enqueue(FLOW, begin(2));
    outbox.releaseEnded(FLOW, end(2));
    expect(flows.table.size).toBe(1);
    expect(outbox.queues.transmitLength).toBe(1);
  });

  it('forgets a record in any queue, and ignores one that is in none', () => {
    const { flows, outbox, begin } = create();
    outbox.enqueue(FLOW, begin(1));
    begin(2);
    outbox.enqueue(FLOW, begin(3));
    outbox.queues.keep(outbox.queues.shiftRecord(), 1, 0);
    for (let slot = 0; slot < 3; slot++) outbox.forget(FLOW, slot);
    expect([outbox.queues.transmitLength, outbox.queues.resendLength]).toEqual([0, 0]);
    expect(flows.table.size).toBe(3);
  });

  it('queues all records of both caches, dead ones included, and returns how many', () => {
    const { expectations, outbox, begin, end, sendNext } = create();
    const expectation = encodeExpectation({ master: flow(1).original, expected: flow(2).original });
    begin(1);
    begin(2);
    outbox.enqueue(FLOW, end(1));
    expectations.new(expectation, expectation.length, 0);
    expect(outbox.enqueueAll()).toBe(3);
    expect(outbox.queues.transmitLength).toBe(3);
    expect([sendNext(), sendNext(), sendNext()]).toEqual([0, 1, 0]);
  });

  it('forgets all records of one cache, and keeps those of the other and control messages', () => {
    const { flows, expectations, outbox, begin, end } = create();
    const expectation = encodeExpectation({ master: flow(1).original, expected: flow(2).original });
    outbox.enqueue(EXPECTATION, expectations.new(expectation, expectation.length, 0));
    outbox.enqueue(FLOW, begin(1));
    outbox.enqueue(FLOW, begin(2));
    outbox.enqueue(FLOW, end(2));
    outbox.enqueueControl(Flag.RESYNC, 0, 0);
    outbox.forgetAll(FLOW);
    expect(outbox.queues.transmitLength).toBe(2);
    expect(outbox.queues.controlNodes).toBe(1);
    expect(flows.table.size).toBe(1);
  });

  it('neither loses nor repeats a record, nor keeps a dead one, whatever happens', () => {
    const step = fc.record({
      kind: fc.constantFrom('begin', 'end', 'end quietly', 'forget', 'send'),
      n: fc.nat(6),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
        const { flows, outbox, begin, end, sendNext } = create();
        const waiting = new Set<number>();
        for (const { kind, n } of steps) {
          const known = flows.table.find(record(n), 0, record(n).length);
          const live = known >= 0 && flows.table.stateOf(known) !== SlotState.DEAD;
          if (kind === 'begin') {
            const slot = begin(n);
            outbox.enqueue(FLOW, slot);
            waiting.add(slot);
          } else if (kind === 'send') {
            const slot = sendNext();
            expect(waiting.delete(slot)).toBe(slot >= 0);
          } else if (live && kind === 'forget') {
            outbox.forget(FLOW, known);
            waiting.delete(known);
          } else if (live) {
            const slot = end(n);
            if (kind === 'end') {
              outbox.enqueue(FLOW, slot);
              waiting.add(slot);
            } else outbox.releaseEnded(FLOW, slot);
          }
          expect(outbox.queues.transmitLength).toBe(waiting.size);
          for (let slot = 0; slot < flows.table.slots; slot++) {
            if (flows.table.stateOf(slot) === SlotState.DEAD) expect(waiting.has(slot)).toBe(true);
            if (waiting.has(slot)) expect(flows.table.stateOf(slot)).not.toBe(SlotState.FREE);
          }
        }
      }),
    );
  });
});
