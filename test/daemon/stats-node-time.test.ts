import { expect, test, vi } from 'vitest';
import { Process } from '../../sim/cluster/process.ts';
import { World } from '../../sim/cluster/world.ts';
import { Random } from '../../sim/random.ts';
import { Request } from '../../src/control/codes.ts';
import { Log } from '../../src/daemon/process/log.ts';
import { statsControl } from '../../src/daemon/stats/stats-control.ts';
import { StatsNode, type StatsNodeOptions } from '../../src/daemon/stats/stats-node.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { MemoryKernel } from '../../src/kernel/memory/memory-kernel.ts';
import { STATS_NODE_OPTIONS } from '../support/node-options.ts';

/** Seconds since 1970 when the virtual world begins. */
const WALL_SECONDS = 1_000_000_000;

const OPTIONS: StatsNodeOptions = { ...STATS_NODE_OPTIONS, bufferSizeMaxGrowth: 0 };

function flow(port: number): Flow {
  return {
    original: {
      family: 4,
      source: '192.0.2.1',
      destination: '198.51.100.1',
      protocol: 17,
      ports: { source: port, destination: 53 },
    },
  };
}

/** A node that keeps statistics in a world whose time is a number. */
function nodeInVirtualTime(options: Partial<StatsNodeOptions> = {}, eventLimit = 1000) {
  const world = new World();
  const runtime = new Process(world, Random.forPurpose(1, 'stats node'), WALL_SECONDS);
  const kernel = new MemoryKernel({
    timeout: false,
    windowScale: false,
    eventLimit,
    announce: (ready) => world.defer(ready),
  });
  runtime.every(1000, () => kernel.advance(world.now));
  const ended: { atMs: number; text: string }[] = [];
  const sink = { wanted: true, add: (atMs: number, text: string) => void ended.push({ atMs, text }) };
  const log = new Log(() => {}, undefined, undefined);
  const node = new StatsNode(kernel, log, sink, { ...OPTIONS, ...options }, runtime);
  const control = statsControl(node, {
    snapshot: () => {
      throw new Error('not asked for here');
    },
    kill: () => {},
  });
  const dump = async (): Promise<string> => {
    const parts: string[] = [];
    const answer = { write: async (part: string | Uint8Array) => void parts.push(part.toString()) };
    await control(Request.DUMP_INTERNAL_CT, answer as unknown as Parameters<typeof control>[1]);
    return parts.join('');
  };
  const runUntil = (seconds: number): Promise<boolean> => {
    world.expectPromises();
    return world.run(seconds * 1000, () => true);
  };
  return { world, kernel, node, ended, dump, runUntil };
}

test('a statistics node takes all of its time from the runtime', async () => {
  const globals = [
    vi.spyOn(Date, 'now'),
    vi.spyOn(globalThis, 'setTimeout'),
    vi.spyOn(globalThis, 'setInterval'),
  ];
  const { kernel, node, ended, dump, runUntil } = nodeInVirtualTime();
  const started = node.start();
  await runUntil(10);
  await started;
  kernel.originate(flow(1), 7200);
  await runUntil(3610);
  expect(await dump()).toContain('[active since 3600s]');
  expect(ended).toEqual([]);
  await runUntil(86_400);
  node.close();
  expect(ended).toEqual([
    { atMs: (WALL_SECONDS + 7210) * 1000, text: expect.stringContaining('sport=1 dport=53') },
  ]);
  for (const spy of globals) {
    expect(spy).not.toHaveBeenCalled();
    spy.mockRestore();
  }
});

test('a statistics node polls and mends overruns in virtual time, too', async () => {
  const polling = nodeInVirtualTime({ pollSeconds: 15 });
  polling.kernel.originate(flow(1), 20);
  const started = polling.node.start();
  await polling.runUntil(44);
  await started;
  // The poll 15 s after the start still shows the flow, which ends at 20 s; the next one misses it.
  expect(polling.ended.map(({ atMs }) => atMs)).toEqual([(WALL_SECONDS + 30) * 1000]);
  polling.node.close();

  const { kernel, node, ended, runUntil } = nodeInVirtualTime({}, 1);
  const running = node.start();
  await runUntil(1);
  await running;
  kernel.originate(flow(1), 100_000);
  await runUntil(2);
  kernel.originate(flow(2), 100_000);
  kernel.expire(flow(1).original);
  await runUntil(3);
  expect(node.reader.counters.overruns).toBe(1);
  expect(ended).toEqual([]);
  await runUntil(5);
  expect(ended.map(({ atMs }) => atMs)).toEqual([(WALL_SECONDS + 4) * 1000]);
  node.close();
});
