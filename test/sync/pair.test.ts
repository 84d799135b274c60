import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Change } from '../../src/flow/change.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { liveRecords } from '../support/live-records.ts';
import { record } from '../table/records.ts';
import { Node } from './node.ts';
import { Pair } from './pair.ts';

/** How long a pair may take to agree once the link is perfect, in milliseconds of virtual time. */
const SETTLING = 8000;

/** A change of the kernel's table of one node, after a pause in milliseconds. */
interface Event {
  readonly by: 'a' | 'b';
  readonly change: Change;
  readonly n: number;
  readonly fields: Partial<Flow>;
  readonly pause: number;
}

const fields: fc.Arbitrary<Partial<Flow>> = fc.record(
  {
    mark: fc.nat(9),
    tcp: fc.record({ state: fc.nat(9) }),
    helper: fc.constantFrom('ftp', 'sip'),
    labels: fc.array(fc.nat(9), { minLength: 1, maxLength: 40 }),
    sourceNat: fc.record({ address: fc.constant('203.0.113.7'), port: fc.nat(9) }),
  },
  { requiredKeys: [] },
);

const event: fc.Arbitrary<Event> = fc.record({
  by: fc.constantFrom('a', 'b'),
  change: fc.constantFrom(Change.NEW, Change.UPDATE, Change.UPDATE, Change.DESTROY),
  n: fc.nat(5),
  fields,
  pause: fc.oneof(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 30 }) },
    { weight: 1, arbitrary: fc.integer({ min: 900, max: 1500 }) },
  ),
});

const conditions = fc.record({
  loss: fc.double({ min: 0, max: 0.6, noNaN: true }),
  duplication: fc.double({ min: 0, max: 0.5, noNaN: true }),
  delay: fc.tuple(fc.nat(5), fc.nat(200)).map(([least, more]): [number, number] => [least, least + more]),
});

const first = fc.constantFrom(1000, 0xffff_ffff - 2, 0xffff_ffff - 40, 0x7fff_fff0);

function play(pair: Pair, events: readonly Event[]): void {
  for (const { by, change, n, fields, pause } of events) {
    pair[by].kernel(change, record(n, fields));
    if (pause > 0) pair.run(pause);
  }
}

function expectAgreement(from: Node, to: Node): void {
  expect(liveRecords(to.externalFlows.table)).toEqual(liveRecords(from.flows.table));
  // Every dead record was released when its end was acknowledged.
  expect(from.flows.table.size).toBe(from.flows.counters.active);
  expect(from.engine.queues.transmitLength).toBe(0);
}

describe('two FT-FW nodes', () => {
  it('agree byte for byte, both ways, once the link stops losing, repeating and reordering messages', {
    timeout: 60_000,
  }, () => {
    fc.assert(
      fc.property(
        fc.integer(),
        first,
        first,
        conditions,
        fc.array(event, { maxLength: 120, size: 'max' }),
        (seed, firstOfA, firstOfB, conditions, events) => {
          const options = { ackWindowSize: 10, resendQueueSize: 500 };
          const pair = new Pair(seed, { ...options, first: firstOfA }, { ...options, first: firstOfB });
          pair.handshake();
          pair.setConditions(conditions);
          play(pair, events);
          pair.setConditions({});
          pair.run(SETTLING);
          expectAgreement(pair.a, pair.b);
          expectAgreement(pair.b, pair.a);
          expect(pair.a.replica.counters.malformed + pair.b.replica.counters.malformed).toBe(0);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('keep the resend queue limits, whatever is lost', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 40 }), (seed, resendQueueSize) => {
        const pair = new Pair(seed, { resendQueueSize }, { resendQueueSize }, 7);
        pair.handshake();
        pair.setConditions({ loss: 0.5 });
        pair.a.beginMany(200);
        pair.b.beginMany(100);
        pair.run(3000);
        for (let n = 0; n < 200; n += 2) pair.a.end(n);
        pair.run(3000);
        expect(pair.resendPeak).toBeLessThanOrEqual(resendQueueSize);
        // Only the resend queue keeps a dead record.
        expect(pair.a.flows.table.size - pair.a.flows.counters.active).toBeLessThanOrEqual(resendQueueSize);
      }),
      { numRuns: 25 },
    );
  });

  it('agree again after an outage that overflowed the resend queue, when one requests a resync', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 0, max: 300 }), (seed, kept) => {
        const pair = new Pair(seed, { resendQueueSize: 20 });
        pair.handshake();
        pair.setConditions({ loss: 1 });
        pair.a.beginMany(300);
        pair.run(5000);
        pair.setConditions({});
        pair.run(SETTLING);
        if (kept > 20) expect(pair.b.externalFlows.table.size).toBeLessThan(300);
        pair.b.engine.requestResync();
        pair.run(SETTLING);
        expectAgreement(pair.a, pair.b);
      }),
      { numRuns: 10 },
    );
  });

  it('send a bulk of 20,000 over a link with slow acknowledgements, some windows at a time', () => {
    const pair = new Pair(1, {}, {}, 1000);
    pair.handshake();
    pair.setConditions({ delay: [5, 5] });
    pair.b.engine.requestResync();
    pair.a.beginMany(20_000);
    const begun = pair.now;
    while (pair.b.externalFlows.table.size < 20_000) {
      pair.run(1);
      if (pair.now - begun > 10_000) expect.fail('the bulk is not through after 10 seconds');
    }
    // 2,400 in flight for 10 ms there and back: 20,000 need about 85 ms.
    expect(pair.now - begun).toBeLessThan(200);
    pair.run(SETTLING);
    expectAgreement(pair.a, pair.b);
    expect(pair.b.engine.counters).toEqual({ lost: 0, stale: 0, unfoundedAcks: 0, falseHellos: 0 });
  });

  it('agree again after one of them restarted, through HELLO and a resync', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: -1000, max: 1000 }), (seed, offset) => {
        const pair = new Pair(seed, { first: 5000 }, { first: 5000 });
        pair.handshake();
        pair.a.beginMany(50);
        pair.b.beginMany(40);
        pair.run(500);
        // b restarts with other numbers, which a cannot know.
        const reborn = new Node({ first: 5000 + offset, now: pair.now });
        pair.replaceB(reborn);
        reborn.engine.requestResync();
        pair.run(SETTLING);
        expect(liveRecords(reborn.externalFlows.table)).toEqual(liveRecords(pair.a.flows.table));
        reborn.begin(77);
        pair.run(100);
        expect(pair.a.externalFlows.table.find(record(77), 0, record(77).length)).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 20 },
    );
  });

  it('agree again after one of them restarted quickly, with any number near its last one', () => {
    for (let first = 4998; first < 5060; first++) {
      const pair = new Pair(1, { first: 5000 }, { first: 5000 });
      pair.handshake();
      pair.a.beginMany(50);
      pair.b.beginMany(40);
      pair.run(500);
      const reborn = new Node({ first, now: pair.now });
      pair.replaceB(reborn);
      reborn.engine.requestResync();
      pair.run(SETTLING);
      expect(reborn.externalFlows.table.size, `its first number is ${first}`).toBe(50);
    }
  });

  it('replay exactly on the same seed', () => {
    const story = (seed: number): unknown => {
      const pair = new Pair(seed);
      pair.handshake();
      pair.setConditions({ loss: 0.3, duplication: 0.2, delay: [1, 50] });
      pair.a.beginMany(500);
      pair.run(700);
      return [
        pair.a.engine.counters,
        pair.b.engine.counters,
        liveRecords(pair.b.externalFlows.table),
        pair.inFlight,
      ];
    };
    expect(story(5)).toEqual(story(5));
    expect(story(5)).not.toEqual(story(6));
  });
});
