import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rangeMessage } from '../../../sim/faults/stage/messages.ts';
import { ack, alive, concat, control, data, nack, resync } from '../../../sim/fuzz/messages.ts';
import { Change, Origin } from '../../../src/flow/change.ts';
import type { Expectation } from '../../../src/flow/expectation.ts';
import { type InternalCaches, TransmitResult } from '../../../src/sync/engine.ts';
import { NoTrack } from '../../../src/sync/notrack/notrack.ts';
import { ExternalCache } from '../../../src/table/external-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../../src/table/key.ts';
import { SlotState } from '../../../src/table/record-table.ts';
import { encodeExpectation } from '../../../src/wire/encode.ts';
import { Flag, MessageType } from '../../../src/wire/header.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../../../src/wire/record.ts';
import { hex, readMessages } from '../../support/datagrams.ts';
import { liveRecords } from '../../support/live-records.ts';
import { flow, record, withLocalPort } from '../../table/records.ts';
import { ModeNode } from '../mode-node.ts';

const { CT_NEW, CT_UPD, CT_DEL } = MessageType;

interface Options {
  readonly bulkFromKernel?: boolean;
  readonly limit?: number;
  readonly first?: number;
}

function create({ bulkFromKernel = false, limit = 1000, first = 1000 }: Options = {}) {
  const external = {
    flows: new ExternalCache(FLOW_FORMAT, new FlowKeyer(2), limit),
    expectations: new ExternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(2), limit),
  };
  const engine = (caches: InternalCaches, now: number) =>
    new NoTrack(caches, { initialSequence: first, bulkFromKernel, random: () => 0.5 }, now);
  return new ModeNode(engine, external, { limit });
}

const EXPECTATION: Expectation = {
  master: flow(1).original,
  expected: { ...flow(1).original, ports: { source: 0, destination: 2000 } },
};

describe('NoTrack: sending', () => {
  it('sends every change once, in the order of first changes, under consecutive numbers and without flags', () => {
    const node = create();
    node.begin(1);
    node.begin(2);
    node.update(1, { mark: 7 });
    expect(node.transmit()).toEqual([
      { type: CT_UPD, flags: 0, sequence: 1000, record: hex(record(1, { mark: 7 })) },
      { type: CT_NEW, flags: 0, sequence: 1001, record: hex(record(2)) },
    ]);
    expect(node.transmit()).toEqual([]);
    node.update(2);
    expect(node.transmit().map(({ type, sequence }) => [type, sequence])).toEqual([[CT_UPD, 1002]]);
  });

  it('wraps its numbers from 2^32 - 1 to 0', () => {
    const node = create({ first: 0xffff_ffff });
    node.begin(1);
    node.begin(2);
    expect(node.transmit().map(({ sequence }) => sequence)).toEqual([0xffff_ffff, 0]);
  });

  it('keeps nothing that it sent, and forgets a flow once its end is sent', () => {
    const node = create();
    node.begin(1);
    node.transmitBrief();
    expect(node.engine.queues.resendLength).toBe(0);
    node.end(1);
    expect(node.internal.flows.table.stateOf(0)).toBe(SlotState.DEAD);
    expect(node.transmitBrief()).toEqual(['DEL']);
    expect(node.internal.flows.table.size).toBe(0);
    expect(node.engine.queues.resendLength).toBe(0);
  });

  it('sends only the end of a flow that began and ended in one turn', () => {
    const node = create();
    node.begin(1);
    node.end(1);
    expect(node.transmitBrief()).toEqual(['DEL']);
  });

  it('sends a flow that took the slot of an ended one as itself', () => {
    const node = create();
    node.begin(1);
    node.end(1);
    node.transmitBrief();
    node.begin(2);
    expect(node.internal.flows.table.slots).toBe(1);
    expect(node.transmit().map(({ type, record: bytes }) => [type, bytes])).toEqual([
      [CT_NEW, hex(record(2))],
    ]);
  });

  it('sends expectations with their own message types', () => {
    const node = create();
    const bytes = encodeExpectation(EXPECTATION);
    for (const [change, text] of [
      [Change.NEW, 'EXP NEW'],
      [Change.UPDATE, 'EXP UPD'],
      [Change.DESTROY, 'EXP DEL'],
    ] as const) {
      node.kernel(change, bytes, Origin.OTHER, 1);
      expect(node.transmitBrief()).toEqual([text]);
    }
    expect(node.internal.expectations.table.size).toBe(0);
  });

  it('sends no more than its budget, and reports that there is more', () => {
    const node = create();
    for (let n = 0; n < 5; n++) node.begin(n);
    expect(node.transmitBrief(3).length).toBe(3);
    expect(node.transmission).toBe(TransmitResult.MORE);
    expect(node.transmitBrief(3).length).toBe(2);
    expect(node.transmission).toBe(TransmitResult.DONE);
  });

  it('does not send what its own commit changed', () => {
    const node = create();
    node.kernel(Change.NEW, record(1), Origin.COMMIT);
    node.kernel(Change.UPDATE, record(1, { mark: 1 }), Origin.COMMIT);
    expect(node.transmitBrief()).toEqual([]);
    expect(node.internal.flows.counters.active).toBe(1);
    node.kernel(Change.DESTROY, record(1), Origin.COMMIT);
    expect(node.transmitBrief()).toEqual([]);
    expect(node.internal.flows.table.size).toBe(0);
  });

  it('sends nothing of a flushed internal cache, queued or dead', () => {
    const node = create();
    node.begin(1);
    node.begin(2);
    node.end(2);
    node.replica.cached.flows.flush();
    expect(node.transmitBrief()).toEqual([]);
    node.begin(3);
    expect(node.transmitBrief()).toEqual(['NEW']);
  });

  it('skips flows while the internal cache is full, and takes them once there is room', () => {
    const node = create({ limit: 1 });
    node.begin(1);
    node.begin(2);
    expect(node.transmitBrief()).toEqual(['NEW']);
    expect(node.internal.flows.counters.createFailedFull).toBe(1);
    node.end(1);
    node.update(2);
    expect(node.transmitBrief()).toEqual(['DEL']);
    node.update(2);
    expect(node.transmitBrief()).toEqual(['NEW']);
  });
});

describe('NoTrack: ALIVE', () => {
  it('is sent after a second without a transmission, and every second from then on', () => {
    const node = create();
    node.advance(999);
    expect(node.transmitBrief()).toEqual([]);
    node.advance(1);
    expect(node.transmit()).toEqual([{ type: MessageType.CONTROL, flags: Flag.ALIVE, sequence: 1000 }]);
    node.advance(1000);
    expect(node.transmitBrief()).toEqual(['ALIVE']);
  });

  it('is due a second after the last transmission', () => {
    const node = create();
    node.advance(600);
    node.begin(1);
    node.transmitBrief();
    node.advance(999);
    expect(node.transmitBrief()).toEqual([]);
    node.advance(1);
    expect(node.transmitBrief()).toEqual(['ALIVE']);
  });

  it('is not sent by an early handleTimeout', () => {
    const node = create();
    node.engine.handleTimeout(500);
    expect(node.transmitBrief()).toEqual([]);
  });
});

describe('NoTrack: bulks', () => {
  it('sends all its records when the peer asks, each as NEW or UPD', () => {
    const node = create();
    const expectation = encodeExpectation(EXPECTATION);
    node.begin(1);
    node.begin(2);
    node.update(2);
    node.kernel(Change.NEW, expectation, Origin.OTHER, 1);
    node.transmitBrief();
    expect(node.receive(resync(1))).toBe(true);
    expect(node.transmitBrief()).toEqual(['NEW', 'UPD', 'EXP NEW']);
    expect(node.engine.pollEvents()).toEqual([
      { kind: 'resync-requested-by-peer' },
      { kind: 'bulk-update', records: 3 },
    ]);
  });

  it('sends one bulk a second, however often it is asked', () => {
    const node = create();
    node.begin(1);
    node.transmitBrief();
    node.receive(concat(resync(1), resync(2), resync(3)));
    node.engine.sendBulk();
    expect(node.transmitBrief()).toEqual(['NEW']);
    expect(node.engine.pollEvents().map(({ kind }) => kind)).toEqual([
      'resync-requested-by-peer',
      'bulk-update',
    ]);
    node.receive(resync(4));
    expect(node.transmitBrief()).toEqual([]);
    node.advance(1000);
    expect(node.transmitBrief()).toEqual(['ALIVE', 'NEW']);
  });

  it('sends one as soon as it is told to', () => {
    const node = create();
    node.begin(1);
    node.receive(resync(1));
    node.transmitBrief();
    node.engine.sendBulk();
    expect(node.transmitBrief()).toEqual(['NEW']);
  });

  it('sends 50 records a millisecond, and what changes between them', () => {
    const node = create();
    node.beginMany(120);
    node.transmitBrief();
    node.receive(resync(1));
    expect(node.transmitBrief()).toHaveLength(50);
    expect(node.transmitBrief()).toEqual([]);
    node.end(3);
    expect(node.transmitBrief()).toEqual(['DEL']);
    node.advance(1);
    expect(node.transmitBrief()).toHaveLength(50);
    node.advance(1);
    expect(node.transmitBrief()).toHaveLength(20);
    node.advance(100);
    expect(node.transmitBrief()).toEqual([]);
  });

  it('repeats the name of a request of ours when everything is sent, in an ALIVE', () => {
    const node = create();
    node.beginMany(60);
    node.transmitBrief();
    node.receive(rangeMessage(Flag.RESYNC, 1, 77, 77));
    node.transmitBrief();
    node.advance(1);
    const sent = node.emit();
    const messages = sent.flatMap(readMessages);
    expect(messages).toHaveLength(11);
    expect(messages[10]).toMatchObject({ type: MessageType.CONTROL, flags: Flag.ALIVE | Flag.ANSWERED });
    expect(hex(sent[0]!.subarray(-8))).toBe('0000004d0000004d');
  });

  it('sends a record once that was queued already', () => {
    const node = create();
    node.begin(1);
    node.receive(resync(1));
    expect(node.transmitBrief()).toEqual(['NEW']);
  });

  it('asks for a bulk from the kernel without internal caches', () => {
    const node = create({ bulkFromKernel: true });
    node.receive(concat(resync(1), resync(2)));
    expect(node.transmitBrief()).toEqual([]);
    expect(node.engine.pollEvents()).toEqual([
      { kind: 'resync-requested-by-peer' },
      { kind: 'bulk-from-kernel' },
    ]);
    node.transmitBrief();
    expect(node.engine.pollEvents()).toEqual([]);
  });

  it('requests a resync with a RESYNC whose range is its name, and one more as it begins, before any record', () => {
    const node = create();
    node.begin(1);
    node.engine.requestResync();
    expect(node.transmit().map(({ type, flags, range }) => [type, flags, range])).toEqual([
      [MessageType.CONTROL, Flag.RESYNC, [2 ** 31, 2 ** 31 + 1]],
      [CT_NEW, 0, undefined],
    ]);
    expect(node.engine.pollEvents()).toEqual([{ kind: 'resync-requested' }]);
  });
});

describe('NoTrack: receiving', () => {
  it('takes all data messages, and counts gaps and repeats', () => {
    const node = create();
    node.receive(data(CT_NEW, 5, record(1)));
    node.receive(data(CT_NEW, 9, record(2)));
    node.receive(data(CT_NEW, 2, record(3)));
    node.receive(data(CT_DEL, 2, record(1)));
    expect(liveRecords(node.external.flows.table)).toEqual([record(2), record(3)].map(hex).sort());
    expect(node.engine.counters).toEqual({ lost: 3, stale: 2, unfoundedAcks: 0, falseHellos: 0 });
  });

  it.each([
    ['ALIVE', Flag.ALIVE, 0],
    ['RESYNC', Flag.RESYNC, 1],
    ['RESYNC and ALIVE', Flag.RESYNC | Flag.ALIVE, 1],
  ])('accepts %s with ACK or NACK beside it, whatever the range, as C does', (_, flags, bulks) => {
    for (const request of [ack, nack]) {
      const node = create();
      expect(node.receive(request(5, 2, 1, flags))).toBe(true);
      expect(node.replica.counters.malformed).toBe(0);
      expect(node.engine.pollEvents()).toHaveLength(bulks);
    }
  });

  it('tracks the numbers of each sender separately', () => {
    const node = create();
    for (let n = 0; n < 5; n++) {
      node.receive(data(CT_NEW, 100 + n, record(n)), 1);
      node.receive(alive(7000 + n), 2);
    }
    expect(node.engine.counters).toEqual({ lost: 0, stale: 0, unfoundedAcks: 0, falseHellos: 0 });
  });

  it.each([
    ['HELLO', Flag.HELLO],
    ['HELLO_BACK', Flag.HELLO_BACK],
    ['both', Flag.HELLO | Flag.HELLO_BACK],
  ])('takes the data of an FT-FW peer that sends %s', (_, flags) => {
    const node = create();
    expect(node.receive(data(CT_NEW, 1, record(1), flags))).toBe(true);
    expect(node.external.flows.table.size).toBe(1);
    expect(node.transmitBrief()).toEqual([]);
  });

  it.each([
    ['ACK', ack(1, 1, 2)],
    ['NACK', nack(1, 1, 2)],
    ['a control message without flags', control(0, 1)],
    ['data with the flag of a control message', data(CT_NEW, 1, record(1), Flag.ALIVE)],
  ])('counts %s as a bad header, and its number not at all', (_, message) => {
    const node = create();
    expect(node.receive(message)).toBe(false);
    expect(node.replica.counters).toMatchObject({ malformed: 1, badHeader: 1 });
    node.receive(alive(900));
    expect(node.engine.counters).toEqual({ lost: 0, stale: 0, unfoundedAcks: 0, falseHellos: 0 });
  });

  it('accepts ALIVE and does nothing', () => {
    const node = create();
    expect(node.receive(alive(1))).toBe(true);
    expect(node.transmitBrief()).toEqual([]);
  });

  it('counts gaps and repeats correctly for any order of arrival, and takes everything', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1 }), (offsets) => {
        const node = create();
        let last = -1;
        let lost = 0;
        let stale = 0;
        offsets.forEach((offset, n) => {
          // Around the wrap of the numbers.
          expect(node.receive(data(CT_NEW, (0xffff_fff0 + offset) >>> 0, record(n)))).toBe(true);
          if (last >= 0 && offset > last + 1) lost += offset - last - 1;
          if (last >= 0 && offset <= last) stale++;
          last = offset;
        });
        expect(node.engine.counters).toEqual({ lost, stale, unfoundedAcks: 0, falseHellos: 0 });
        expect(node.external.flows.table.size).toBe(offsets.length);
      }),
    );
  });
});

describe('NoTrack: records that are in no cache', () => {
  it('are sent with the next number, without local attributes', () => {
    const node = create();
    const gre = record(1, {
      original: { family: 4, source: '10.0.0.1', destination: '10.0.0.2', protocol: 47 },
    });
    const local = withLocalPort(gre, 1, 2);
    node.engine.sendRecordNow(node.out, CT_UPD, local, local.length, 0);
    node.begin(1);
    expect(node.transmit().map(({ type, sequence, record: bytes }) => [type, sequence, bytes])).toEqual([
      [CT_UPD, 1000, hex(gre)],
      [CT_NEW, 1001, hex(record(1))],
    ]);
  });

  it('postpone ALIVE', () => {
    const node = create();
    node.engine.sendRecordNow(node.out, CT_NEW, record(1), record(1).length, 700);
    node.sent();
    node.advance(1699);
    expect(node.transmit()).toEqual([]);
    node.advance(1);
    expect(node.transmitBrief()).toEqual(['ALIVE']);
  });
});
