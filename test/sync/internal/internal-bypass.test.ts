import { describe, expect, it } from 'vitest';
import { Change, Origin } from '../../../src/flow/change.ts';
import type { InternalCaches } from '../../../src/sync/engine.ts';
import { InternalBypass } from '../../../src/sync/internal/internal-bypass.ts';
import { NoTrack } from '../../../src/sync/notrack/notrack.ts';
import { ExternalCache } from '../../../src/table/external-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../../src/table/key.ts';
import { encodeExpectation } from '../../../src/wire/encode.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../../../src/wire/record.ts';
import { describeMessage, hex, readMessages } from '../../support/datagrams.ts';
import { flow, record, withLocalPort } from '../../table/records.ts';
import { ModeNode } from '../mode-node.ts';

function create() {
  const node = new ModeNode(
    (caches: InternalCaches, now: number) =>
      new NoTrack(caches, { initialSequence: 50, bulkFromKernel: true, random: () => 0.5 }, now),
    {
      flows: new ExternalCache(FLOW_FORMAT, new FlowKeyer(1), 10),
      expectations: new ExternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(1), 10),
    },
  );
  return { node, bypass: new InternalBypass(node.engine, node.out) };
}

const EXPECTATION = encodeExpectation({ master: flow(1).original, expected: flow(2).original });

describe('InternalBypass', () => {
  it('writes each change at once, in order, under consecutive numbers, and counts it', () => {
    const { node, bypass } = create();
    for (const change of [Change.NEW, Change.UPDATE, Change.UPDATE, Change.DESTROY]) {
      bypass.flows.handleKernelChange(change, Origin.OTHER, record(1), record(1).length, 0);
    }
    const messages = node.sent().flatMap(readMessages);
    expect(messages.map(describeMessage)).toEqual(['NEW', 'UPD', 'UPD', 'DEL']);
    expect(messages.map(({ sequence }) => sequence)).toEqual([50, 51, 52, 53]);
    expect(messages.map(({ record: bytes }) => bytes)).toEqual(Array(4).fill(hex(record(1))));
    expect(bypass.flows.counters).toEqual({ created: 1, updated: 2, destroyed: 1 });
    expect(bypass.expectations.counters).toEqual({ created: 0, updated: 0, destroyed: 0 });
  });

  it('writes expectations with their own types, and counts them separately', () => {
    const { node, bypass } = create();
    for (const change of [Change.NEW, Change.UPDATE, Change.DESTROY]) {
      bypass.expectations.handleKernelChange(change, Origin.OTHER, EXPECTATION, EXPECTATION.length, 0);
    }
    expect(node.sent().flatMap(readMessages).map(describeMessage)).toEqual(['EXP NEW', 'EXP UPD', 'EXP DEL']);
    expect(bypass.expectations.counters).toEqual({ created: 1, updated: 1, destroyed: 1 });
    expect(bypass.flows.counters).toEqual({ created: 0, updated: 0, destroyed: 0 });
  });

  it.each([Origin.COMMIT, Origin.INJECT])('sends nothing that we changed ourselves (%i)', (origin) => {
    const { node, bypass } = create();
    bypass.flows.handleKernelChange(Change.NEW, origin, record(1), record(1).length, 0);
    expect(node.sent()).toEqual([]);
    expect(bypass.flows.counters.created).toBe(0);
  });

  it('writes entries of a dump as NEW, and does not count them', () => {
    const { node, bypass } = create();
    bypass.flows.sendDumped(record(1), record(1).length, 0);
    bypass.expectations.sendDumped(EXPECTATION, EXPECTATION.length, 0);
    expect(node.sent().flatMap(readMessages).map(describeMessage)).toEqual(['NEW', 'EXP NEW']);
    expect([bypass.flows.counters.created, bypass.expectations.counters.created]).toEqual([0, 0]);
  });

  it('leaves out local attributes, and bytes behind the record', () => {
    const { node, bypass } = create();
    const gre = record(1, {
      original: { family: 4, source: '10.0.0.1', destination: '10.0.0.2', protocol: 47 },
    });
    const buffer = new Uint8Array(500).fill(0xee);
    const local = withLocalPort(gre, 1, 2);
    buffer.set(local);
    bypass.flows.handleKernelChange(Change.NEW, Origin.OTHER, buffer, local.length, 0);
    expect(node.sent().flatMap(readMessages)[0]!.record).toBe(hex(gre));
  });

  it('fills datagrams below the limit of the link', () => {
    const { node, bypass } = create();
    for (let n = 0; n < 100; n++)
      bypass.flows.handleKernelChange(Change.NEW, Origin.OTHER, record(n), record(n).length, 0);
    const datagrams = node.sent();
    expect(datagrams.flatMap(readMessages).length).toBe(100);
    expect(datagrams.length).toBeGreaterThan(1);
    for (const datagram of datagrams) expect(datagram.length).toBeLessThan(1472);
  });
});
