import { expect, test } from 'vitest';
import { rehearse, WHOLE_REHEARSAL } from '../../src/daemon/rehearsal.ts';
import type { SyncNodeOptions } from '../../src/daemon/sync-node.ts';
import { Change } from '../../src/flow/change.ts';
import { RehearsalKernel } from '../../src/kernel/rehearsal-kernel.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { encodeFlow } from '../../src/wire/encode.ts';

const OPTIONS: SyncNodeOptions = {
  mode: 'ftfw',
  resendQueueSize: 131_072,
  ackWindowSize: 300,
  commitTimeout: undefined,
  purgeTimeout: 60,
  refreshTime: 15,
  cacheTimeout: 180,
  disableInternalCache: false,
  disableExternalCache: false,
  hashLimit: 524_288,
  tcpWindowTracking: false,
  expectationSync: false,
  filter: undefined,
  eventIterationLimit: 100,
  overrunResync: 30,
  bufferSizeMaxGrowth: 1 << 20,
  pollSeconds: undefined,
  hashSeed: 1,
};

test.each([
  ['FT-FW', {}],
  ['NOTRACK', { mode: 'notrack' }],
  ['NOTRACK without internal cache', { mode: 'notrack', disableInternalCache: true }],
  ['ALARM', { mode: 'alarm' }],
  ['direct injection', { disableExternalCache: true }],
  ['a small cache', { hashLimit: 100 }],
  ['polling', { pollSeconds: 5 }],
] as const)('a node rehearses to the end: %s', async (_, options) => {
  let steps = 0;
  await rehearse({ ...OPTIONS, ...options }, { flows: 256, rounds: 2 }, () => {
    steps++;
    return true;
  });
  expect(steps).toBeGreaterThan(20);
});

test('a rehearsal ends when it is told to', async () => {
  let steps = 0;
  await rehearse(OPTIONS, WHOLE_REHEARSAL, () => ++steps <= 3);
  expect(steps).toBeLessThan(10);
});

test('the kernel of a rehearsal tells what it is told', () => {
  const kernel = new RehearsalKernel({ timeout: true, windowScale: false });
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
  for (const change of changes) kernel.tell(change, record, 0x8000_0001);
  const seen: [number, unknown][] = [];
  const read = () =>
    kernel.readEvents({
      flow: (change, _origin, bytes, length) => seen.push([change, decodeFlow(bytes, 0, length)]),
      expectation: () => expect.unreachable(),
      traffic: () => {},
    });
  read();
  read();
  expect(seen).toEqual(changes.map((change) => [change, { ...flow, id: 0x8000_0001 }]));
  expect(kernel.counters.malformed).toBe(0);
});
