import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ack, alive, data, nack, resync } from '../../sim/fuzz/messages.ts';
import { Change, Origin } from '../../src/flow/change.ts';
import { TransmitResult } from '../../src/sync/engine.ts';
import { SlotState } from '../../src/table/record-table.ts';
import { encodeExpectation } from '../../src/wire/encode.ts';
import { Flag, MessageType } from '../../src/wire/header.ts';
import { hex } from '../support/datagrams.ts';
import { liveRecords } from '../support/live-records.ts';
import { flow, record } from '../table/records.ts';
import { AlarmNode, AlarmPair } from './alarm-node.ts';
import { random } from './pair.ts';

const { CT_NEW, CT_UPD } = MessageType;
const EXPECTATION = encodeExpectation({
  master: flow(1).original,
  expected: { ...flow(1).original, ports: { source: 0, destination: 2000 } },
});

/** Lets time pass until the node sends something. Returns how long that took, in milliseconds. */
function untilSent(node: AlarmNode, patience = 200_000): number {
  for (let waited = 0; waited < patience; waited += 10) {
    if (node.emit().length > 0) return waited;
    node.advance(10);
  }
  throw new Error(`nothing was sent for ${patience} ms`);
}

describe('Alarm: sending', () => {
  it('sends every change at once, without flags and under consecutive numbers', () => {
    const node = new AlarmNode({ first: 0xffff_ffff });
    node.begin(1);
    node.begin(2);
    expect(node.transmit()).toEqual([
      { type: CT_NEW, flags: 0, sequence: 0xffff_ffff, record: hex(record(1)) },
      { type: CT_NEW, flags: 0, sequence: 0, record: hex(record(2)) },
    ]);
    node.update(1, { mark: 3 });
    expect(node.transmit().map(({ type, sequence }) => [type, sequence])).toEqual([[CT_UPD, 1]]);
  });

  it('sends the end of a flow once, and nothing of it afterwards', () => {
    const node = new AlarmNode({ refreshTime: 5 });
    node.begin(1);
    node.transmitBrief();
    node.end(1);
    expect(node.transmitBrief()).toEqual(['DEL']);
    expect(node.internal.flows.table.size).toBe(0);
    for (let n = 0; n < 20; n++) {
      node.advance(1000);
      expect(node.transmitBrief()).toEqual([]);
    }
    expect(node.engine.pollTimeout()).toBe(Number.POSITIVE_INFINITY);
  });

  it('sends the end of a flow at once even if its refresh falls due before the transmission', () => {
    const node = new AlarmNode({ refreshTime: 1 });
    node.begin(1);
    node.transmitBrief();
    node.end(1);
    node.advance(10_000);
    expect(node.transmitBrief()).toEqual(['DEL']);
    node.advance(10_000);
    expect(node.transmitBrief()).toEqual([]);
  });

  it('gives a flow in the slot of an ended one its own refresh time', () => {
    const node = new AlarmNode({ refreshTime: 60 });
    node.begin(1);
    node.transmitBrief();
    node.end(1);
    node.transmitBrief();
    node.begin(2);
    expect(node.internal.flows.table.slots).toBe(1);
    node.transmitBrief();
    untilSent(node);
    node.end(2);
    expect(node.transmitBrief()).toEqual(['DEL']);
  });

  it('is silent without flows, and has no timeout', () => {
    const node = new AlarmNode();
    expect(node.engine.pollTimeout()).toBe(Number.POSITIVE_INFINITY);
    node.engine.handleTimeout(100_000);
    expect(node.transmitBrief()).toEqual([]);
    expect(node.transmission).toBe(TransmitResult.DONE);
  });

  it('sends no more than its budget', () => {
    const node = new AlarmNode();
    for (let n = 0; n < 5; n++) node.begin(n);
    expect(node.transmitBrief(4).length).toBe(4);
    expect(node.transmission).toBe(TransmitResult.MORE);
    expect(node.transmitBrief(4).length).toBe(1);
    expect(node.transmission).toBe(TransmitResult.DONE);
  });

  it('has no bulk, and requests none', () => {
    const node = new AlarmNode();
    node.begin(1);
    node.transmitBrief();
    node.engine.sendBulk();
    node.engine.requestResync();
    expect(node.transmitBrief()).toEqual([]);
    expect(node.engine.pollEvents()).toEqual([]);
  });

  it('forgets a flow that its own commit ended, without sending', () => {
    const node = new AlarmNode({ refreshTime: 2 });
    node.begin(1);
    node.transmitBrief();
    node.kernel(Change.DESTROY, record(1), Origin.COMMIT);
    expect(node.internal.flows.table.size).toBe(0);
    node.advance(20_000);
    expect(node.transmitBrief()).toEqual([]);
  });

  it('cancels all refreshes of a flushed cache, and none of the other', () => {
    const node = new AlarmNode({ refreshTime: 2 });
    node.begin(1);
    node.begin(2);
    node.end(2);
    node.kernel(Change.NEW, EXPECTATION, Origin.OTHER, 1);
    node.replica.cached.flows.flush();
    expect(node.transmitBrief()).toEqual(['EXP NEW']);
    node.advance(10_000);
    expect(node.transmitBrief()).toEqual(['EXP NEW']);
  });
});

describe('Alarm: refreshes', () => {
  const soon = (refreshTime: number) => refreshTime * 1000 + 1000;

  it('are 1 to RefreshTime seconds, and up to a second more, apart', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 90 }), (seed, refreshTime) => {
        const node = new AlarmNode({ seed, refreshTime });
        node.begin(1);
        node.emit();
        for (let n = 0; n < 10; n++) {
          const waited = untilSent(node);
          expect(waited).toBeGreaterThanOrEqual(1000);
          // Timers expire in ticks of a fifth of a second.
          expect(waited).toBeLessThanOrEqual(soon(refreshTime) + 200);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('restart with every change', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.integer({ min: 0, max: 900 }), { minLength: 1, maxLength: 20 }),
        (seed, refreshTime, pauses) => {
          const node = new AlarmNode({ seed, refreshTime });
          node.begin(1);
          for (const pause of pauses) {
            node.emit();
            node.advance(pause);
            // Less than a second after the last change nothing is due.
            expect(node.transmitBrief()).toEqual([]);
            node.update(1);
          }
          node.emit();
          const waited = untilSent(node);
          expect(waited).toBeGreaterThanOrEqual(1000);
          expect(waited).toBeLessThanOrEqual(soon(refreshTime) + 200);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('keep their interval after a long time without flows', () => {
    const node = new AlarmNode({ refreshTime: 5 });
    node.advance(3_600_000);
    node.begin(1);
    node.emit();
    const waited = untilSent(node);
    expect(waited).toBeGreaterThanOrEqual(1000);
    expect(waited).toBeLessThanOrEqual(6200);
  });

  it('keep their interval after the process was stopped for a long time', () => {
    const node = new AlarmNode({ refreshTime: 5 });
    node.begin(1);
    node.emit();
    node.now += 3_600_000;
    node.begin(2);
    // Flow 1 is overdue, flow 2 began just now.
    expect(node.transmitBrief()).toEqual(['NEW', 'NEW']);
    expect(untilSent(node)).toBeGreaterThanOrEqual(1000);
  });

  it('include what our own commit created or changed, which is not sent at once', () => {
    for (const change of [Change.NEW, Change.UPDATE]) {
      const node = new AlarmNode({ refreshTime: 5 });
      node.kernel(change, record(1), Origin.COMMIT);
      expect(node.transmitBrief()).toEqual([]);
      const waited = untilSent(node);
      expect(waited).toBeGreaterThanOrEqual(1000);
      expect(waited).toBeLessThanOrEqual(6200);
    }
  });

  it('include what a dump contained at the start', () => {
    const node = new AlarmNode({ refreshTime: 5 });
    node.replica.cached.flows.populate(record(1), record(1).length, 0);
    expect(node.transmitBrief()).toEqual([]);
    expect(untilSent(node)).toBeLessThanOrEqual(6200);
  });

  it('are spread, so that flows that began together are not refreshed together', () => {
    const node = new AlarmNode({ refreshTime: 10, seed: 7 });
    for (let n = 0; n < 1000; n++) node.begin(n);
    node.emit();
    const perSecond: number[] = [];
    for (let second = 0; second < 11; second++) {
      node.advance(1000);
      perSecond.push(node.transmit().length);
    }
    expect(perSecond[0]).toBe(0);
    for (const sent of perSecond.slice(1)) {
      expect(sent).toBeGreaterThan(50);
      expect(sent).toBeLessThan(250);
    }
  });

  it('send the record in its current state', () => {
    const node = new AlarmNode({ refreshTime: 2 });
    node.begin(1);
    node.emit();
    node.update(1, { mark: 9 });
    node.emit();
    node.advance(4000);
    expect(node.transmit().map(({ type, record: bytes }) => [type, bytes])).toEqual([
      [CT_UPD, hex(record(1, { mark: 9 }))],
    ]);
  });

  it('of expectations are independent of those of flows', () => {
    const node = new AlarmNode({ refreshTime: 2 });
    node.kernel(Change.NEW, EXPECTATION, Origin.OTHER, 1);
    node.emit();
    node.advance(4000);
    expect(node.transmitBrief()).toEqual(['EXP NEW']);
    node.kernel(Change.DESTROY, EXPECTATION, Origin.OTHER, 1);
    expect(node.transmitBrief()).toEqual(['EXP DEL']);
    node.advance(10_000);
    expect(node.transmitBrief()).toEqual([]);
  });

  it.each([0, 86_400 * 1000])('work with a RefreshTime of %i seconds', (refreshTime) => {
    const node = new AlarmNode({ refreshTime });
    node.begin(1);
    node.emit();
    node.advance(900);
    expect(node.transmitBrief()).toEqual([]);
    node.advance((86_400 + 2) * 1000);
    expect(node.transmitBrief()).toEqual(['NEW']);
  });

  /** A live flow is sent at least every RefreshTime + 1 seconds, a dead one never. */
  it('are sent for every live flow and no other, whatever happens to flows', () => {
    const happening = fc.record({
      change: fc.constantFrom(Change.NEW, Change.UPDATE, Change.DESTROY),
      origin: fc.constantFrom(Origin.OTHER, Origin.OTHER, Origin.COMMIT),
      n: fc.nat(4),
      pause: fc.constantFrom(0, 50, 700, 2500),
      emits: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.integer(), fc.array(happening, { maxLength: 60 }), (seed, happenings) => {
        const node = new AlarmNode({ seed, refreshTime: 3 });
        const alive = new Set<number>();
        for (const { change, origin, n, pause, emits } of happenings) {
          node.kernel(change, record(n), origin);
          if (change === Change.DESTROY) alive.delete(n);
          else alive.add(n);
          if (emits) node.emit();
          node.advance(pause);
        }
        node.emit();
        const sent = new Map<string, number>();
        for (let tick = 0; tick < 21; tick++) {
          node.advance(200);
          for (const { record: bytes } of node.transmit()) sent.set(bytes!, (sent.get(bytes!) ?? 0) + 1);
        }
        expect([...sent.keys()].sort()).toEqual([...alive].map((n) => hex(record(n))).sort());
        for (const times of sent.values()) expect(times).toBeLessThanOrEqual(4);
        expect(node.internal.flows.table.size).toBe(alive.size);
      }),
      { numRuns: 60 },
    );
  });
});

describe('Alarm: receiving', () => {
  it('takes all data messages, and counts gaps and repeats of each sender separately', () => {
    const node = new AlarmNode();
    node.receive(data(CT_NEW, 5, record(1)), 1);
    node.receive(data(CT_NEW, 8, record(2)), 1);
    node.receive(data(CT_NEW, 8, record(3)), 1);
    node.receive(data(CT_NEW, 900, record(4)), 2);
    expect(node.external.flows.table.size).toBe(4);
    expect(node.engine.counters).toEqual({ lost: 2, stale: 1, unfoundedAcks: 0, falseHellos: 0 });
  });

  it.each([
    ['ACK', ack(2, 1, 1)],
    ['NACK', nack(2, 1, 1)],
    ['RESYNC', resync(2)],
    ['ALIVE', alive(2)],
    ['data with HELLO', data(CT_NEW, 2, record(2), Flag.HELLO)],
    ['data with a flag that is no flag', data(CT_NEW, 2, record(2), 1)],
  ])('ignores %s: no answer, no record, no error, no number', (_, message) => {
    const node = new AlarmNode();
    node.begin(1);
    node.emit();
    node.receive(data(CT_NEW, 1, record(1)));
    node.receive(message);
    node.receive(data(CT_NEW, 2, record(3)));
    expect(node.transmitBrief()).toEqual([]);
    expect(node.external.flows.table.size).toBe(2);
    expect(node.replica.counters.malformed).toBe(0);
    expect(node.engine.counters).toEqual({ lost: 0, stale: 0, unfoundedAcks: 0, falseHellos: 0 });
    expect(node.engine.pollEvents()).toEqual([]);
  });

  it('forgets a flow that was not refreshed for CacheTimeout seconds, and no sooner', () => {
    const node = new AlarmNode({ cacheTimeout: 10 });
    node.receive(data(CT_NEW, 1, record(1)));
    node.receive(data(CT_NEW, 2, record(2)));
    node.advance(6000);
    node.receive(data(CT_UPD, 3, record(1)));
    node.advance(3999);
    expect(node.external.flows.table.size).toBe(2);
    node.advance(1);
    expect(liveRecords(node.external.flows.table)).toEqual([hex(record(1))]);
    node.advance(6000);
    expect(node.external.flows.table.size).toBe(0);
    expect(node.external.flows.counters).toMatchObject({ active: 0, destroyed: 2 });
  });
});

describe('two nodes in ALARM mode', () => {
  const REFRESH = 4;
  const TIMEOUT = 12;

  /** What happens to flows before the link becomes perfect. */
  function play(pair: AlarmPair, seed: number): void {
    const chance = random(seed);
    for (let n = 0; n < 400; n++) {
      const flowNumber = Math.floor(chance() * 30);
      const kind = chance();
      if (kind < 0.4) pair.a.begin(flowNumber, { mark: n });
      else if (kind < 0.7) pair.a.update(flowNumber, { mark: n });
      else pair.a.end(flowNumber);
      pair.run(Math.floor(chance() * 4) * 50);
    }
  }

  it.each([1, 2, 3, 4, 5])('agree in spite of 30 %% loss, with seed %i', (seed) => {
    const pair = new AlarmPair(seed, { refreshTime: REFRESH, cacheTimeout: TIMEOUT });
    pair.loss = 0.3;
    play(pair, seed + 100);
    pair.loss = 0;
    const internal = liveRecords(pair.a.internal.flows.table);
    expect(internal.length).toBeGreaterThan(5);

    // New and changed flows are sent again within RefreshTime and a second.
    pair.run(REFRESH * 1000 + 1200);
    const known = new Set(liveRecords(pair.b.external.flows.table));
    expect(internal.filter((bytes) => !known.has(bytes))).toEqual([]);

    // An end is sent once: if that was lost, the flow expires.
    pair.run(TIMEOUT * 1000);
    expect(liveRecords(pair.b.external.flows.table)).toEqual(internal);
  });

  it('keep a flow that does not change as long as it lives, although most datagrams are lost', () => {
    const pair = new AlarmPair(9, { refreshTime: 1, cacheTimeout: 60 });
    pair.a.begin(1);
    pair.loss = 0.6;
    pair.run(10_000);
    expect(pair.b.external.flows.table.size).toBe(1);
    pair.run(120_000);
    expect(pair.b.external.flows.table.size).toBe(1);
  });

  it('forget a flow after CacheTimeout if its end was lost or its node is gone', () => {
    const pair = new AlarmPair(3, { refreshTime: REFRESH, cacheTimeout: TIMEOUT });
    pair.a.begin(1);
    pair.run(1000);
    pair.loss = 1;
    pair.a.end(1);
    pair.run(1000);
    expect(pair.a.internal.flows.table.size).toBe(0);
    expect(pair.b.external.flows.table.stateOf(0)).toBe(SlotState.NEW);
    pair.run(TIMEOUT * 1000);
    expect(pair.b.external.flows.table.size).toBe(0);
  });

  it('replace an old flow by the one that began in its place, also if that message was lost once', () => {
    const pair = new AlarmPair(3, { refreshTime: REFRESH, cacheTimeout: TIMEOUT });
    pair.a.begin(1);
    pair.run(500);
    pair.a.end(1);
    pair.a.begin(1, { mark: 4 });
    pair.run(500);
    const renewed = [hex(record(1, { mark: 4 }))];
    expect(liveRecords(pair.b.external.flows.table)).toEqual(renewed);
    pair.b.external.flows.flush();
    pair.run(REFRESH * 1000 + 1200);
    expect(liveRecords(pair.b.external.flows.table)).toEqual(renewed);
  });
});
