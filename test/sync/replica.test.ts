import { describe, expect, it } from 'vitest';
import { ack, alive, concat, control, data, nack } from '../../sim/fuzz/messages.ts';
import { writeU16 } from '../../src/bytes/integers.ts';
import { Change, Origin } from '../../src/flow/change.ts';
import type { Expectation } from '../../src/flow/expectation.ts';
import { SlotState } from '../../src/table/record-table.ts';
import { Attr } from '../../src/wire/attribute.ts';
import { encodeExpectation } from '../../src/wire/encode.ts';
import { Flag, HEADER_SIZE, MessageType } from '../../src/wire/header.ts';
import { hex } from '../support/datagrams.ts';
import { liveRecords } from '../support/live-records.ts';
import { flow, record, withLocalPort } from '../table/records.ts';
import { Node } from './node.ts';

const { CT_NEW, CT_UPD, CT_DEL, EXP_NEW, EXP_UPD, EXP_DEL } = MessageType;

/** The counters that changed from zero. */
function counted(node: Node): Record<string, number> {
  return Object.fromEntries(Object.entries(node.replica.counters).filter(([, value]) => value !== 0));
}

const EXPECTATION: Expectation = {
  master: flow(1).original,
  expected: { ...flow(1).original, ports: { source: 0, destination: 2000 } },
  mask: { ...flow(1).original, source: '255.255.255.255', destination: '255.255.255.255' },
  timeout: 300,
};

describe('Replica: messages of the peer', () => {
  it('applies NEW, UPD and DEL of flows to the external cache, every message of a datagram', () => {
    const node = new Node();
    const both = concat(data(CT_NEW, 1, record(1, { mark: 5 })), data(CT_NEW, 2, record(2)));
    expect(node.receive(both)).toBe(true);
    expect(liveRecords(node.externalFlows.table)).toEqual(
      [hex(record(1, { mark: 5 })), hex(record(2))].sort(),
    );
    node.receive(concat(data(CT_UPD, 3, record(1, { tcp: { state: 3 } })), data(CT_DEL, 4, record(2))));
    expect(liveRecords(node.externalFlows.table)).toEqual([hex(record(1, { mark: 5, tcp: { state: 3 } }))]);
    expect(counted(node)).toEqual({});
  });

  it('applies NEW, UPD and DEL of expectations to a cache of their own', () => {
    const node = new Node();
    const bytes = encodeExpectation(EXPECTATION);
    node.receive(data(EXP_NEW, 1, bytes));
    expect(node.externalFlows.table.size).toBe(0);
    expect(liveRecords(node.externalExpectations.table)).toEqual([hex(bytes)]);
    const later = encodeExpectation({ ...EXPECTATION, timeout: 10 });
    node.receive(data(EXP_UPD, 2, later));
    expect(liveRecords(node.externalExpectations.table)).toEqual([hex(later)]);
    node.receive(data(EXP_DEL, 3, bytes));
    expect(node.externalExpectations.table.size).toBe(0);
  });

  it("notes the second of the engine's clock at which a record came", () => {
    const node = new Node({ now: 61_999 });
    node.receive(data(CT_NEW, 1, record(1)));
    expect(node.externalFlows.table.createdAt(0)).toBe(61);
    node.now = 63_000;
    node.receive(data(CT_UPD, 2, record(1)));
    expect([node.externalFlows.table.createdAt(0), node.externalFlows.table.updatedAt(0)]).toEqual([61, 63]);
  });

  it('reads a datagram in the middle of other bytes', () => {
    const node = new Node();
    const message = data(CT_NEW, 1, record(1));
    const among = concat(new Uint8Array(5), message, new Uint8Array(3));
    expect(node.replica.handleDatagram(1, among, 5, 5 + message.length, 0)).toBe(true);
    expect(node.externalFlows.table.size).toBe(1);
    expect(counted(node)).toEqual({});
  });

  const short = data(CT_NEW, 2, record(2));
  const withLength = (length: number): Uint8Array => {
    const bytes = Uint8Array.from(short);
    writeU16(bytes, 2, length);
    return bytes;
  };

  it.each<[string, Uint8Array, Record<string, number>]>([
    ['fewer bytes than a header', short.subarray(0, 7), { malformed: 1, truncated: 1 }],
    ['a length of 0', withLength(0), { malformed: 1, badSize: 1 }],
    ['a length shorter than a header', withLength(7), { malformed: 1, badSize: 1 }],
    ['a length beyond what is left', withLength(short.length + 4), { malformed: 1, badSize: 1 }],
    ['an ACK cut short', ack(2, 1, 1).subarray(0, 12), { malformed: 1, badSize: 1 }],
  ])('drops the rest of a datagram from %s on, and keeps what came before', (_, rest, counters) => {
    const node = new Node();
    expect(node.receive(concat(data(CT_NEW, 1, record(1)), rest))).toBe(true);
    expect(node.externalFlows.table.size).toBe(1);
    expect(counted(node)).toEqual(counters);
    expect(node.receive(rest)).toBe(false);
  });

  it('drops an ACK whose datagram ends before its range does', () => {
    const node = new Node();
    const bytes = Uint8Array.from(ack(1, 1, 1).subarray(0, 12));
    writeU16(bytes, 2, 12);
    expect(node.receive(bytes)).toBe(false);
    expect(counted(node)).toEqual({ malformed: 1, truncated: 1 });
  });

  const versioned = Uint8Array.from(data(CT_NEW, 1, record(9)));
  versioned[0] = (2 << 4) | CT_NEW;

  it.each<[string, Uint8Array, Record<string, number>]>([
    ['another version', versioned, { malformed: 1, badVersion: 1 }],
    ['a type that means nothing', data(7, 1, record(9)), { malformed: 1, badHeader: 1 }],
    [
      'flags that mean nothing for data',
      data(CT_NEW, 1, record(9), Flag.ALIVE),
      { malformed: 1, badHeader: 1 },
    ],
    ['a control message without a meaning', control(0, 1), { malformed: 1, badHeader: 1 }],
    ['a range that ends before it begins', ack(1, 5, 4), { malformed: 1, badHeader: 1 }],
    ['the same of a NACK', nack(1, 5, 4), { malformed: 1, badHeader: 1 }],
  ])('passes over a message of %s, goes on behind it, and does not take its number', (_, bad, counters) => {
    const node = new Node();
    expect(node.receive(bad)).toBe(false);
    expect(node.receive(concat(bad, data(CT_NEW, 1, record(1)), data(CT_NEW, 2, record(2))))).toBe(true);
    expect(counted(node)).toEqual(
      Object.fromEntries(Object.entries(counters).map(([name, n]) => [name, 2 * n])),
    );
    expect(node.externalFlows.table.size).toBe(2);
    expect(node.engine.counters).toEqual({ lost: 0, stale: 0, unfoundedAcks: 0, falseHellos: 0 });
  });

  it('counts a malformed payload, takes its number, and counts its link as alive, as the C node does', () => {
    const node = new Node();
    const bad = record(1);
    writeU16(bad, 2, 99);
    expect(node.receive(data(CT_NEW, 1, bad))).toBe(true);
    expect(counted(node)).toEqual({ malformed: 1, badPayload: 1 });
    expect(node.externalFlows.table.size).toBe(0);
    node.receive(alive(2));
    expect(node.engine.counters.lost).toBe(0);
  });

  it('makes a record canonical whose attributes are reordered, repeated or badly padded', () => {
    const node = new Node();
    const canonical = record(1, { mark: 5 });
    const mark = (value: number, pad: readonly number[] = []): Uint8Array =>
      Uint8Array.of(0, 8, 0, Attr.MARK, 0, 0, 0, value, ...pad);
    const loose = concat(mark(4), record(1), mark(5));
    node.receive(data(CT_NEW, 1, loose));
    expect(liveRecords(node.externalFlows.table)).toEqual([hex(canonical)]);
    const padded = record(1, { tcp: { state: 3 } });
    padded[padded.length - 1] = 0xff;
    node.receive(data(CT_UPD, 2, padded));
    expect(liveRecords(node.externalFlows.table)).toEqual([hex(record(1, { tcp: { state: 3 }, mark: 5 }))]);
    expect(counted(node)).toEqual({});
  });

  it('refuses a local attribute from the wire', () => {
    const node = new Node();
    node.receive(data(CT_NEW, 1, withLocalPort(record(1), 1, 2)));
    expect(counted(node)).toEqual({ malformed: 1, badPayload: 1 });
  });

  it('continues when the external cache is full', () => {
    const node = new Node({ limit: 2 });
    for (let n = 0; n < 5; n++) expect(node.receive(data(CT_NEW, 1 + n, record(n)))).toBe(true);
    expect(node.externalFlows.table.size).toBe(2);
    expect(node.externalFlows.counters.createFailedFull).toBe(3);
    expect(counted(node)).toEqual({});
  });
});

describe('Replica: changes of the kernel', () => {
  it('sends changes that others made', () => {
    const node = new Node();
    node.begin(1);
    node.update(2);
    expect(node.transmit().map(({ type }) => type)).toEqual([CT_NEW, CT_NEW]);
    node.update(1, { mark: 1 });
    node.end(2);
    node.end(3);
    expect(node.transmit().map(({ type }) => type)).toEqual([CT_UPD, CT_DEL]);
  });

  it('keeps what its own commit changed, and does not send it', () => {
    const node = new Node();
    node.kernel(Change.NEW, record(1), Origin.COMMIT);
    node.kernel(Change.UPDATE, record(1, { mark: 5 }), Origin.COMMIT);
    node.kernel(Change.UPDATE, record(2), Origin.COMMIT);
    expect(node.transmit()).toEqual([]);
    expect(liveRecords(node.flows.table)).toEqual([hex(record(1, { mark: 5 })), hex(record(2))].sort());
    node.kernel(Change.DESTROY, record(1), Origin.COMMIT);
    expect(node.transmit()).toEqual([]);
    expect(node.flows.table.size).toBe(1);
    node.update(2, { mark: 6 });
    expect(node.transmit().map(({ type }) => type)).toEqual([CT_UPD]);
  });

  it('no longer sends a record that its own commit replaced', () => {
    const node = new Node();
    node.begin(1);
    node.kernel(Change.NEW, record(1, { mark: 2 }), Origin.COMMIT);
    expect(node.transmit()).toEqual([]);
  });

  it('keeps a record that its own commit destroyed as long as the peer may ask for it', () => {
    const node = new Node({ first: 10 });
    node.begin(1);
    node.transmit();
    node.kernel(Change.DESTROY, record(1), Origin.COMMIT);
    expect(node.flows.table.stateOf(0)).toBe(SlotState.DEAD);
    node.receive(nack(1, 10, 10));
    expect(node.transmit().map(({ type }) => type)).toEqual([CT_DEL]);
    node.receive(ack(2, 10, 11));
    expect(node.flows.table.size).toBe(0);
  });

  it('ignores what its own injection changed', () => {
    const node = new Node();
    for (const change of [Change.NEW, Change.UPDATE, Change.DESTROY]) {
      node.kernel(change, record(1), Origin.INJECT);
    }
    expect(node.flows.table.size).toBe(0);
    node.begin(1);
    node.kernel(Change.DESTROY, record(1), Origin.INJECT);
    expect(node.flows.counters.active).toBe(1);
  });

  it('does not send ports of a protocol whose ports are local', () => {
    const node = new Node();
    const gre = record(1, {
      original: { family: 4, source: '10.0.0.1', destination: '10.0.0.2', protocol: 47 },
    });
    node.kernel(Change.NEW, withLocalPort(gre, 1, 2));
    node.kernel(Change.NEW, withLocalPort(gre, 1, 3));
    expect(node.flows.table.size).toBe(2);
    expect(node.transmit().map(({ record }) => record)).toEqual([hex(gre), hex(gre)]);
  });

  it('sends expectations as such', () => {
    const node = new Node();
    const bytes = encodeExpectation(EXPECTATION);
    for (const change of [Change.NEW, Change.UPDATE, Change.DESTROY]) {
      node.replica.handleKernelChange(1, change, Origin.OTHER, bytes, bytes.length, 0);
      expect(node.transmit().map(({ type, record }) => [type, record])).toEqual([
        [EXP_NEW + change, hex(bytes)],
      ]);
    }
  });

  it('takes entries of a dump without sending them', () => {
    const node = new Node();
    const bytes = record(1);
    node.replica.cached.flows.populate(bytes, bytes.length, 0);
    expect(node.transmit()).toEqual([]);
    expect(node.flows.counters.active).toBe(1);
  });

  it('takes no entry of a dump for newer than an event that came since the dump began', () => {
    const node = new Node();
    const older = record(1, { mark: 1 });
    const newer = record(1, { mark: 2 });
    node.kernel(Change.NEW, older);
    node.flows.beginAudit();
    node.kernel(Change.UPDATE, newer);
    node.replica.cached.flows.populate(older, older.length, 0);
    expect(node.flows.confirm(node.flows.table.find(newer, 0, newer.length), newer, newer.length)).toBe(true);
    node.flows.beginAudit();
    node.replica.cached.flows.populate(older, older.length, 0);
    expect(node.flows.confirm(node.flows.table.find(newer, 0, newer.length), newer, newer.length)).toBe(
      false,
    );
  });

  it('sends the end of a purged record once', () => {
    const node = new Node();
    node.begin(1);
    node.transmit();
    node.replica.cached.flows.handleGone(0);
    node.replica.cached.flows.handleGone(0);
    node.replica.cached.flows.handleGone(7);
    expect(node.transmit().map(({ type }) => type)).toEqual([CT_DEL]);
    expect(node.flows.counters.destroyed).toBe(1);
  });

  it('sends nothing that its full internal cache refused', () => {
    const node = new Node({ limit: 1 });
    node.begin(1);
    node.begin(2);
    node.update(3);
    expect(node.transmit().length).toBe(1);
    node.end(2);
    expect(node.transmit()).toEqual([]);
  });

  it('flushes one internal cache and leaves the other alone', () => {
    const node = new Node();
    const bytes = encodeExpectation(EXPECTATION);
    node.begin(1);
    node.replica.handleKernelChange(1, Change.NEW, Origin.OTHER, bytes, bytes.length, 0);
    node.replica.cached.flows.flush();
    expect(node.transmit().map(({ type }) => type)).toEqual([EXP_NEW]);
  });

  it('gives every message the length of its header and record', () => {
    const node = new Node();
    node.begin(1);
    const [datagram] = node.emit();
    expect(datagram!.length).toBe(HEADER_SIZE + record(1).length);
  });
});
