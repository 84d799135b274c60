import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Log } from '../../src/daemon/process/log.ts';
import { StatsNode, type StatsNodeOptions } from '../../src/daemon/stats/stats-node.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Status } from '../../src/flow/status.ts';
import type { Tuple } from '../../src/flow/tuple.ts';
import { MemoryKernel, type MemoryKernelOptions } from '../../src/kernel/memory/memory-kernel.ts';
import { STATS_NODE_OPTIONS } from '../support/node-options.ts';

const SERVER = '198.51.100.1';

function tuple(port: number): Tuple {
  return {
    family: 4,
    source: '192.0.2.1',
    destination: SERVER,
    protocol: 6,
    ports: { source: port, destination: 80 },
  };
}

function flow(port: number, fields: Partial<Flow> = {}): Flow {
  return {
    original: tuple(port),
    tcp: { state: 3 },
    status: Status.SEEN_REPLY | Status.ASSURED,
    ...fields,
  };
}

function line(port: number, { original = '', reply = '', state = 'ESTABLISHED' } = {}): string {
  return (
    `tcp      6 ${state} src=192.0.2.1 dst=${SERVER} sport=${port} dport=80 ${original}` +
    `src=${SERVER} dst=192.0.2.1 sport=80 dport=${port} ${reply}[ASSURED] mark=0`
  );
}

interface Station {
  readonly kernel: MemoryKernel;
  readonly node: StatsNode;
  /** The ended flows, as logged. */
  readonly ended: string[];
  /** The lines of the daemon's log, without time and process id. */
  readonly logLines: string[];
}

const running: StatsNode[] = [];

function station(
  options: Partial<StatsNodeOptions> = {},
  kernelOptions: Partial<MemoryKernelOptions> = {},
): Station {
  const kernel = new MemoryKernel({ timeout: false, windowScale: false, ...kernelOptions });
  const ended: string[] = [];
  const logLines: string[] = [];
  const log = new Log(
    (_stream, text) => logLines.push(text.replace(/^\[.*?\] \(pid=\d+\) /, '').trim()),
    undefined,
    undefined,
  );
  const logged = { wanted: true, add: (_now: number, text: string) => ended.push(text) };
  const node = new StatsNode(kernel, log, logged, { ...STATS_NODE_OPTIONS, ...options });
  running.push(node);
  return { kernel, node, ended, logLines };
}

/** Lets everything that waits have its turn. */
async function turns(): Promise<void> {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] });
});

afterEach(() => {
  for (const node of running.splice(0)) node.close();
  vi.useRealTimers();
});

describe('a statistics node', () => {
  test('knows the flows that began before it started, and logs them when they end', async () => {
    const { kernel, node, ended } = station();
    kernel.originate(flow(1), 60);
    kernel.originate(flow(2), 60);
    await node.start();
    await turns();
    expect(node.cache.counters).toMatchObject({ active: 2, created: 2 });
    expect(ended).toEqual([]);
    kernel.expire(tuple(1));
    await turns();
    expect(ended).toEqual([line(1)]);
    expect(node.cache.counters).toMatchObject({ active: 1, destroyed: 1 });
  });

  test('does not bring back a flow that ends while the table is read', async () => {
    const { kernel, node } = station();
    for (let port = 1; port <= 200; port++) kernel.originate(flow(port), 60);
    const started = node.start();
    await new Promise((resolve) => setImmediate(resolve));
    kernel.expire(tuple(200));
    await started;
    await turns();
    expect(node.cache.counters.active).toBe(199);
  });

  test('follows a flow from its beginning to its end', async () => {
    const { kernel, node, ended } = station();
    await node.start();
    kernel.originate(flow(1, { tcp: { state: 1 } }), 60);
    await turns();
    kernel.setState(tuple(1), { tcp: { state: 3 } });
    kernel.setState(tuple(1), { tcp: { state: 7 } });
    await turns();
    expect(node.cache.counters).toMatchObject({ active: 1, created: 1, updated: 2 });
    kernel.expire(tuple(1));
    await turns();
    expect(ended).toEqual([line(1, { state: 'TIME_WAIT' })]);
    expect(node.cache.counters).toMatchObject({ active: 0, created: 1, updated: 2, destroyed: 1 });
    expect(node.counters.eventsReceived).toBe(4);
  });

  test('logs the traffic of a flow, and adds it up', async () => {
    const { kernel, node, ended } = station();
    await node.start();
    for (const port of [1, 2, 3]) kernel.originate(flow(port), 60);
    await turns();
    kernel.count(tuple(1), { packets: 5, bytes: 274 }, { packets: 3, bytes: 164 });
    kernel.count(tuple(3), { packets: 1, bytes: 40 }, { packets: 0, bytes: 0 });
    for (const port of [1, 2, 3]) kernel.expire(tuple(port));
    await turns();
    expect(ended).toEqual([
      line(1, { original: 'packets=5 bytes=274 ', reply: 'packets=3 bytes=164 ' }),
      line(2),
      line(3, { original: 'packets=1 bytes=40 ', reply: 'packets=0 bytes=0 ' }),
    ]);
    expect(node.counters).toMatchObject({ trafficPackets: 9, trafficBytes: 478 });
  });

  test('neither logs nor adds up a flow that it does not know', async () => {
    const { kernel, node, ended } = station();
    await node.start();
    kernel.originate(flow(1), 60);
    await turns();
    node.flush();
    kernel.count(tuple(1), { packets: 5, bytes: 274 }, { packets: 3, bytes: 164 });
    kernel.expire(tuple(1));
    await turns();
    expect(ended).toEqual([]);
    expect(node.counters).toMatchObject({ trafficPackets: 0, trafficBytes: 0 });
    expect(node.cache.counters).toMatchObject({ active: 0, created: 1, destroyed: 1 });
  });

  test('keeps a flow that begins again before its end was reported', async () => {
    const { kernel, node } = station();
    kernel.originate(flow(1), 60);
    await node.start();
    await turns();
    expect(node.counters.eventsReceived).toBe(1);
    expect(node.cache.counters).toMatchObject({ active: 1, created: 1, updated: 0 });
  });

  test('neither keeps, logs nor adds up the flows that the filter ignores', async () => {
    const filter = {
      protocols: { logic: 'ignore', numbers: [6] },
      addresses: undefined,
      tcpStates: undefined,
    } as const;
    const { kernel, node, ended } = station({ filter });
    kernel.originate(flow(1), 60);
    await node.start();
    kernel.originate(flow(2), 60);
    kernel.count(tuple(2), { packets: 5, bytes: 274 }, { packets: 3, bytes: 164 });
    await turns();
    kernel.expire(tuple(1));
    kernel.expire(tuple(2));
    await turns();
    expect(ended).toEqual([]);
    expect(node.cache.counters).toMatchObject({ active: 0, created: 0 });
    expect(node.counters).toMatchObject({ eventsReceived: 4, eventsFiltered: 4, trafficBytes: 0 });
  });

  test('holds no more flows than HashLimit', async () => {
    const { kernel, node, ended } = station({ hashLimit: 2 });
    await node.start();
    for (const port of [1, 2, 3]) kernel.originate(flow(port), 60);
    await turns();
    expect(node.cache.counters).toMatchObject({ active: 2, createFailed: 1, createFailedFull: 1 });
    for (const port of [1, 2, 3]) kernel.expire(tuple(port));
    await turns();
    expect(ended).toEqual([line(1), line(2)]);
  });

  test('reads the events that still wait when it is closed', async () => {
    const { kernel, node, ended } = station();
    await node.start();
    kernel.originate(flow(1), 60);
    kernel.expire(tuple(1));
    node.close();
    expect(ended).toEqual([line(1)]);
  });
});

describe('after an overrun', () => {
  test('the flows whose end was lost are logged and forgotten, those whose beginning was lost are known', async () => {
    const { kernel, node, ended, logLines } = station({}, { eventLimit: 4 });
    await node.start();
    for (const port of [1, 2]) kernel.originate(flow(port), 60);
    await turns();
    // The end of flow 1 and the beginning of flow 6 are lost.
    for (const port of [3, 4, 5]) kernel.originate(flow(port), 60);
    kernel.setState(tuple(2), { mark: 7 });
    kernel.count(tuple(1), { packets: 5, bytes: 274 }, { packets: 3, bytes: 164 });
    kernel.expire(tuple(1));
    kernel.originate(flow(6), 60);
    await turns();
    expect(node.reader.counters).toEqual({ eventsFailed: 1, overruns: 1 });
    expect(logLines).toEqual(['[notice] netlink event socket buffer size has been doubled to 8192 bytes']);
    expect(node.cache.counters.active).toBe(5);

    vi.advanceTimersByTime(1_900);
    await turns();
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(200);
    await turns();
    expect(ended).toEqual([line(1)]);
    expect(node.cache.counters).toMatchObject({ active: 5, created: 6, destroyed: 1 });
    expect(node.counters).toMatchObject({ kernelResyncs: 0, trafficBytes: 0 });
    vi.advanceTimersByTime(28_000);
    await turns();
    expect(ended).toEqual([line(1)]);
    expect(node.counters).toMatchObject({ kernelResyncs: 1, trafficBytes: 0 });
  });

  test('no resync happens if NetlinkOverrunResync is off', async () => {
    const { kernel, node, ended } = station({ overrunResync: -1 }, { eventLimit: 2 });
    await node.start();
    kernel.originate(flow(1), 60);
    await turns();
    for (const port of [2, 3]) kernel.originate(flow(port), 60);
    kernel.expire(tuple(1));
    await turns();
    expect(node.reader.counters.overruns).toBe(1);
    vi.advanceTimersByTime(1_900);
    await turns();
    expect(ended).toEqual([]);
    expect(node.counters.kernelResyncs).toBe(0);
    // What is in doubt is looked at all the same, and counts as no resync.
    vi.advanceTimersByTime(200);
    await turns();
    expect(ended.length).toBe(1);
    expect(node.counters.kernelResyncs).toBe(0);
  });
});

describe('with PollSecs', () => {
  test('reading the table periodically finds the flows that began and ended', async () => {
    const { kernel, node, ended } = station({ pollSeconds: 15 });
    kernel.originate(flow(1), 60);
    await node.start();
    kernel.originate(flow(2), 60);
    kernel.expire(tuple(1));
    await turns();
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(15_000);
    await turns();
    expect(ended).toEqual([line(1)]);
    expect(node.cache.counters).toMatchObject({ active: 1, created: 2, destroyed: 1 });
    expect(node.counters).toMatchObject({ eventsReceived: 0, kernelResyncs: 0 });
  });
});

describe('the commands', () => {
  test('flush forgets all flows without a word in the log of ended flows, and a resync takes them back', async () => {
    const { kernel, node, ended, logLines } = station();
    for (const port of [1, 2]) kernel.originate(flow(port), 60);
    await node.start();
    await turns();
    node.flush();
    expect(node.cache.counters).toMatchObject({ active: 0, destroyed: 2 });
    await node.resyncWithKernel();
    expect(node.cache.counters).toMatchObject({ active: 2, created: 4 });
    expect(node.counters.kernelResyncs).toBe(1);
    expect(ended).toEqual([]);
    expect(logLines).toEqual(['[notice] flushing caches', '[notice] resync with master conntrack table']);
  });

  test("a flush of the kernel's table ends the flows that the filter does not spare", async () => {
    const filter = {
      protocols: undefined,
      addresses: undefined,
      tcpStates: { logic: 'accept', states: [3] },
    } as const;
    const { kernel, node, ended, logLines } = station({ filter });
    kernel.originate(flow(1), 60);
    kernel.originate(flow(2, { tcp: { state: 1 } }), 60);
    await node.start();
    await node.flushKernel();
    await turns();
    expect(kernel.size).toBe(1);
    expect(ended).toEqual([line(1)]);
    expect(node.counters.kernelFlushes).toBe(1);
    expect(logLines).toEqual(['[notice] flushing kernel conntrack table']);
  });
});
