import { describe, expect, it } from 'vitest';
import type { Flow } from '../../src/flow/flow.ts';
import { ExternalCache } from '../../src/table/external-cache.ts';
import { InternalCache } from '../../src/table/internal-cache.ts';
import { FlowKeyer } from '../../src/table/key.ts';
import { type RecordTable, SlotState } from '../../src/table/record-table.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { FLOW_FORMAT } from '../../src/wire/record.ts';
import { record } from './records.ts';

function flowIn(table: RecordTable, slot: number): Flow {
  const at = table.offsetOf(slot);
  return decodeFlow(table.bytesOf(slot), at, at + table.sizeOf(slot));
}

/** The counters that changed from zero. */
function counted(counters: object): Record<string, number> {
  return Object.fromEntries(Object.entries(counters).filter(([, value]) => value !== 0));
}

describe('InternalCache', () => {
  const internal = (limit = 100): InternalCache => new InternalCache(FLOW_FORMAT, new FlowKeyer(1), limit);
  const begin = (cache: InternalCache, n: number, fields: Partial<Flow> = {}, now = 0): number => {
    const bytes = record(n, fields);
    return cache.new(bytes, bytes.length, now);
  };
  const change = (cache: InternalCache, n: number, fields: Partial<Flow> = {}, now = 0): number => {
    const bytes = record(n, fields);
    return cache.update(bytes, bytes.length, now);
  };
  const end = (cache: InternalCache, n: number): number => {
    const bytes = record(n);
    return cache.destroy(bytes, bytes.length);
  };

  it('puts a new flow in the place of a known one: what the new one lacks is gone', () => {
    const cache = internal();
    const slot = begin(cache, 1, { mark: 5, helper: 'ftp' }, 10);
    change(cache, 1, {}, 11);
    expect(begin(cache, 1, { mark: 6 }, 20)).toBe(slot);
    expect(flowIn(cache.table, slot)).toMatchObject({ mark: 6 });
    expect(flowIn(cache.table, slot).helper).toBeUndefined();
    expect(cache.table.stateOf(slot)).toBe(SlotState.RENEWED);
    expect([cache.table.createdAt(slot), cache.table.updatedAt(slot)]).toEqual([20, 20]);
    expect(counted(cache.counters)).toEqual({ active: 1, created: 2, updated: 1, destroyed: 1 });
  });

  it('merges an update into what it knows: what the update lacks stays', () => {
    const cache = internal();
    const slot = begin(cache, 1, { mark: 5, helper: 'ftp', tcp: { state: 1 } }, 10);
    expect(change(cache, 1, { tcp: { state: 3 }, labels: [1] }, 12)).toBe(slot);
    expect(flowIn(cache.table, slot)).toMatchObject({
      mark: 5,
      helper: 'ftp',
      tcp: { state: 3 },
      labels: [1],
    });
    expect(cache.table.stateOf(slot)).toBe(SlotState.ALIVE);
    expect([cache.table.createdAt(slot), cache.table.updatedAt(slot)]).toEqual([10, 12]);
    expect(counted(cache.counters)).toEqual({ active: 1, created: 1, updated: 1 });
  });

  it('creates what an update speaks of and it does not know, and counts a creation', () => {
    const cache = internal();
    const slot = change(cache, 1, { mark: 5 }, 3);
    expect(cache.table.stateOf(slot)).toBe(SlotState.NEW);
    expect(counted(cache.counters)).toEqual({ active: 1, created: 1 });
  });

  it('keeps a destroyed record, marked dead and not counted as active, until it is let go', () => {
    const cache = internal();
    const slot = begin(cache, 1);
    cache.hold(slot, 7);
    expect(end(cache, 1)).toBe(slot);
    expect(cache.table.stateOf(slot)).toBe(SlotState.DEAD);
    expect(counted(cache.counters)).toEqual({ created: 1, destroyed: 1 });
    expect(cache.table.size).toBe(1);
    cache.release(slot);
    expect(cache.table.size).toBe(0);
    expect(cache.holderOf(slot)).toBe(0);
  });

  it('ignores the end of a flow that it does not know, or that has ended already', () => {
    const cache = internal();
    expect(end(cache, 1)).toBe(-1);
    begin(cache, 1);
    end(cache, 1);
    expect(end(cache, 1)).toBe(-1);
    expect(cache.counters.destroyed).toBe(1);
  });

  it('lets a live record stay when it is let go', () => {
    const cache = internal();
    const slot = begin(cache, 1);
    cache.hold(slot, 3);
    cache.release(slot);
    expect(cache.holderOf(slot)).toBe(0);
    expect(cache.table.stateOf(slot)).toBe(SlotState.NEW);
  });

  it.each([
    ['begins again', begin],
    ['is updated', change],
  ])('brings a dead record back as a new one when its flow %s', (_, step) => {
    const cache = internal();
    const slot = begin(cache, 1, { mark: 5 }, 10);
    cache.hold(slot, 9);
    end(cache, 1);
    expect(step(cache, 1, { helper: 'ftp' }, 20)).toBe(slot);
    expect(flowIn(cache.table, slot).mark).toBeUndefined();
    expect(cache.table.stateOf(slot)).toBe(SlotState.RENEWED);
    expect(cache.table.createdAt(slot)).toBe(20);
    expect(cache.holderOf(slot)).toBe(9);
    expect(counted(cache.counters)).toEqual({ active: 1, created: 2, destroyed: 1 });
  });

  it('keeps a renewed record renewed through its updates while it is held, and makes it a live one after that', () => {
    const cache = internal();
    begin(cache, 1, { mark: 5 });
    const slot = begin(cache, 1);
    cache.hold(slot, 9);
    change(cache, 1, { tcp: { state: 3 } });
    expect(cache.table.stateOf(slot)).toBe(SlotState.RENEWED);
    cache.release(slot);
    change(cache, 1, { tcp: { state: 4 } });
    expect(cache.table.stateOf(slot)).toBe(SlotState.ALIVE);
  });

  it('counts what HashLimit refuses, dead records included in the sum, and never throws', () => {
    const cache = internal(2);
    begin(cache, 1);
    begin(cache, 2);
    end(cache, 2);
    expect(begin(cache, 3)).toBe(-1);
    expect(change(cache, 4)).toBe(-1);
    expect(counted(cache.counters)).toEqual({
      active: 1,
      created: 2,
      createFailed: 2,
      createFailedFull: 2,
      destroyed: 1,
    });
    expect(begin(cache, 1)).toBeGreaterThanOrEqual(0);
    cache.release(cache.table.find(record(2), 0, record(2).length));
    expect(begin(cache, 3)).toBeGreaterThanOrEqual(0);
  });

  it('finds after an audit the records that the kernel did not report', () => {
    const cache = internal(5000);
    const slots = Array.from({ length: 3000 }, (_, n) => begin(cache, n));
    expect(slots.every((slot) => cache.touched(slot))).toBe(true);
    for (let round = 0; round < 3; round++) {
      cache.beginAudit();
      expect(slots.some((slot) => cache.touched(slot))).toBe(false);
      for (let n = 0; n < 3000; n += 2) change(cache, n);
      const young = begin(cache, 3000 + round);
      expect(slots.map((slot) => cache.touched(slot))).toEqual(slots.map((_, n) => n % 2 === 0));
      expect(cache.touched(young)).toBe(true);
    }
  });

  it('counts the live records that a flush forgets as destroyed, and holds nothing any more', () => {
    const cache = internal(5000);
    for (let n = 0; n < 2000; n++) cache.hold(begin(cache, n), n + 1);
    end(cache, 0);
    cache.flush();
    expect(counted(cache.counters)).toEqual({ created: 2000, destroyed: 2000 });
    expect(cache.table.size).toBe(0);
    const slot = begin(cache, 1);
    expect(cache.holderOf(slot)).toBe(0);
  });
});

describe('ExternalCache', () => {
  const external = (limit = 100): ExternalCache => new ExternalCache(FLOW_FORMAT, new FlowKeyer(1), limit);
  const replace = (cache: ExternalCache, n: number, fields: Partial<Flow> = {}, now = 0): number => {
    const bytes = record(n, fields);
    return cache.replace(bytes, 0, bytes.length, now);
  };
  const update = (cache: ExternalCache, n: number, fields: Partial<Flow> = {}, now = 0): number => {
    const bytes = record(n, fields);
    return cache.update(bytes, 0, bytes.length, now);
  };
  const remove = (cache: ExternalCache, n: number): void => {
    const bytes = record(n);
    cache.delete(bytes, 0, bytes.length);
  };

  it('replaces what it knows by a NEW message', () => {
    const cache = external();
    const slot = replace(cache, 1, { mark: 5 }, 10);
    expect(replace(cache, 1, { helper: 'sip' }, 20)).toBe(slot);
    expect(flowIn(cache.table, slot)).toMatchObject({ helper: 'sip' });
    expect(flowIn(cache.table, slot).mark).toBeUndefined();
    expect(cache.table.createdAt(slot)).toBe(20);
    expect(counted(cache.counters)).toEqual({ active: 1, created: 2, destroyed: 1 });
  });

  it('merges an UPD message into what it knows, and creates what it does not', () => {
    const cache = external();
    const slot = update(cache, 1, { mark: 5 }, 10);
    expect(counted(cache.counters)).toEqual({ active: 1, created: 1 });
    expect(update(cache, 1, { tcp: { state: 3 } }, 20)).toBe(slot);
    expect(flowIn(cache.table, slot)).toMatchObject({ mark: 5, tcp: { state: 3 } });
    expect([cache.table.createdAt(slot), cache.table.updatedAt(slot)]).toEqual([10, 20]);
    expect(counted(cache.counters)).toEqual({ active: 1, created: 1, updated: 1 });
  });

  it('removes what a DEL message names, and ignores what it does not know', () => {
    const cache = external();
    replace(cache, 1);
    remove(cache, 2);
    expect(counted(cache.counters)).toEqual({ active: 1, created: 1 });
    remove(cache, 1);
    remove(cache, 1);
    expect(counted(cache.counters)).toEqual({ created: 1, destroyed: 1 });
    expect(cache.table.size).toBe(0);
  });

  it('counts what HashLimit refuses and never throws', () => {
    const cache = external(1);
    replace(cache, 1);
    expect(replace(cache, 2)).toBe(-1);
    expect(update(cache, 3)).toBe(-1);
    expect(replace(cache, 1)).toBeGreaterThanOrEqual(0);
    expect(counted(cache.counters)).toEqual({
      active: 1,
      created: 2,
      createFailed: 2,
      createFailedFull: 2,
      destroyed: 1,
    });
  });

  it('counts what a flush forgets as destroyed', () => {
    const cache = external();
    for (let n = 0; n < 10; n++) replace(cache, n);
    cache.flush();
    expect(counted(cache.counters)).toEqual({ created: 10, destroyed: 10 });
    expect(cache.table.size).toBe(0);
  });

  it('merges records that between them hold every attribute at its greatest size', () => {
    const cache = external();
    const labels = Array.from({ length: 256 }, (_, n) => n);
    const master = {
      family: 6 as const,
      source: '2001:db8::1',
      destination: '2001:db8::2',
      protocol: 6,
      ports: { source: 1, destination: 2 },
    };
    replace(cache, 1, { labels, mark: 1, tcp: { state: 3, scaleOriginal: 7, scaleReply: 7 }, zone: 0 });
    const slot = update(cache, 1, {
      labels: labels.toReversed(),
      master,
      helper: 'irc-default',
      timeout: 1,
      synproxy: { its: 1, isn: 2, tsoff: 3 },
      sequenceAdjustment: {
        original: { position: 1, offsetBefore: 2, offsetAfter: 3 },
        reply: { position: 4, offsetBefore: 5, offsetAfter: 6 },
      },
    });
    expect(flowIn(cache.table, slot)).toMatchObject({
      mark: 1,
      master,
      labels: labels.toReversed(),
      zone: 0,
    });
  });
});
