import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { SyncNodeOptions } from '../../src/daemon/sync/sync-node.ts';
import { warmUpSockets } from '../../src/daemon/warm-up/socket-warm-up.ts';
import { FULL_WARM_UP, warmUp } from '../../src/daemon/warm-up/warm-up.ts';
import { isWarmUpEnabled } from '../../src/daemon/warm-up/warm-up-enabled.ts';
import { warmUpRecords } from '../../src/daemon/warm-up/warm-up-records.ts';
import { Change } from '../../src/flow/change.ts';
import { SocketWarmUpKernel, WarmUpKernel } from '../../src/kernel/ctnetlink/warm-up-kernel.ts';
import { libc } from '../../src/system/libc.ts';
import { FlowKeyer } from '../../src/table/key.ts';
import { RecordTable } from '../../src/table/record-table.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { SYNC_NODE_OPTIONS } from '../support/node-options.ts';

const OPTIONS: SyncNodeOptions = {
  ...SYNC_NODE_OPTIONS,
  commitTimeout: undefined,
  refreshTime: 15,
  hashLimit: 524_288,
};

test.each([
  ['FT-FW', {}],
  ['NOTRACK', { mode: 'notrack' }],
  ['NOTRACK without internal cache', { mode: 'notrack', disableInternalCache: true }],
  ['ALARM', { mode: 'alarm' }],
  ['direct injection', { disableExternalCache: true }],
  ['a small cache', { hashLimit: 100 }],
  ['polling', { pollSeconds: 5 }],
] as const)('the warm-up of a node runs to its end: %s', async (_, options) => {
  let steps = 0;
  let works = 0;
  const isWanted = () => ++steps > 0;
  const { received, committed } = await warmUp(
    { ...OPTIONS, ...options },
    { flows: 256, rounds: 2 },
    isWanted,
    (work) => {
      works++;
      work();
    },
  );
  // What nobody sends or commits is not compiled.
  expect(received).toBeGreaterThan(40);
  expect(committed).toBe(
    'disableExternalCache' in options ? 0 : 2 * Math.min(256, (options as SyncNodeOptions).hashLimit ?? 256),
  );
  expect(steps).toBeGreaterThan(20);
  expect(works).toBeGreaterThan(20);
});

test.each([
  ['FT-FW', {}],
  ['NOTRACK', { mode: 'notrack' }],
  ['ALARM', { mode: 'alarm' }],
  ['no internal cache', { mode: 'notrack', disableInternalCache: true }],
  ['direct injection', { disableExternalCache: true }],
] as const)('the warm-up over sockets runs to its end and leaves none open: %s', async (_, options) => {
  const open = () => readdirSync('/proc/self/fd').length;
  // Opens what stays open for good.
  libc();
  const before = open();
  let flows = 0;
  await warmUpSockets({ ...OPTIONS, ...options }, 20, () => ++flows > 0);
  expect(flows).toBe(20);
  expect(open()).toBe(before);
});

test('the warm-up stops when it is no longer wanted', async () => {
  let steps = 0;
  const isWanted = () => ++steps <= 3;
  await warmUp(OPTIONS, FULL_WARM_UP, isWanted, (work) => work());
  expect(steps).toBeLessThan(10);
});

test('a full warm-up grows the tables', () => {
  const table = new RecordTable(new FlowKeyer(1), 524_288);
  const add = (record: Uint8Array) => {
    table.find(record, 0, record.length);
    table.add(record, 0, record.length, 0);
  };
  const [first, ...others] = warmUpRecords(FULL_WARM_UP.flows, false);
  add(first!);
  const before = table.memory;
  others.forEach(add);
  expect(table.size).toBe(FULL_WARM_UP.flows);
  expect(table.memory).toBeGreaterThan(before);
});

test('the environment decides whether the warm-up runs', () => {
  const warnings: string[] = [];
  const wanted = (word?: string) =>
    isWarmUpEnabled(word === undefined ? {} : { CONNTRACKD_TS_WARM_UP: word }, (text) => warnings.push(text));
  expect([wanted(), wanted('on'), wanted('off')]).toEqual([true, true, false]);
  expect(warnings).toEqual([]);
  expect(wanted('no')).toBe(true);
  expect(warnings).toEqual([
    'the environment variable CONNTRACKD_TS_WARM_UP is "no", expected "on" or "off": taken as "on"',
  ]);
});

test('the kernel of a warm-up reports the events that were queued', () => {
  const kernel = new WarmUpKernel({ timeout: true, windowScale: false });
  const flow = {
    original: {
      family: 4,
      source: '192.0.2.1',
      destination: '198.51.100.1',
      protocol: 6,
      ports: { source: 1024, destination: 80 },
    },
    status: 14,
    timeout: 600,
    tcp: { state: 3 },
  } as const;
  const record = encodeFlow(flow);
  const changes = [Change.NEW, Change.UPDATE, Change.DESTROY];
  for (const change of changes) kernel.queueEvent(change, record, 0x8000_0001);
  const seen: [number, unknown][] = [];
  const read = () =>
    kernel.readEvents(
      {
        flow: (change, _origin, bytes, length) => seen.push([change, decodeFlow(bytes, 0, length)]),
        expectation: () => expect.unreachable(),
        traffic: () => {},
      },
      100,
    );
  read();
  read();
  expect(seen).toEqual(changes.map((change) => [change, { ...flow, id: 0x8000_0001 }]));
  expect(kernel.counters.malformed).toBe(0);
});

test('the kernel of a warm-up over sockets sends its events through one', async () => {
  const kernel = new SocketWarmUpKernel({ timeout: true, windowScale: false });
  const record = encodeFlow({
    original: {
      family: 4,
      source: '192.0.2.1',
      destination: '198.51.100.1',
      protocol: 6,
      ports: { source: 1, destination: 80 },
    },
    status: 14,
    tcp: { state: 3 },
  });
  const seen: Change[] = [];
  const sink = {
    flow: (change: Change) => void seen.push(change),
    expectation: () => expect.unreachable(),
    traffic: () => {},
  };
  const watch = kernel.watchEvents(() => kernel.readEvents(sink, 100));
  kernel.queueEvent(Change.NEW, record, 1);
  kernel.queueEvent(Change.UPDATE, record, 1);
  expect(seen).toEqual([]);
  kernel.flushEvents();
  await expect.poll(() => seen).toEqual([Change.NEW, Change.UPDATE]);
  watch.close();
  kernel.close();
});
