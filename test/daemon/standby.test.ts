import { describe, expect, it, vi } from 'vitest';
import { data } from '../../sim/fuzz/messages.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { MessageType } from '../../src/wire/header.ts';
import { interruptedOnce } from '../kernel/interrupted.ts';
import { flow, record } from '../table/records.ts';
import { join, pass, type Station, soon, watchedStations } from './station.ts';

const { CT_NEW, CT_UPD, CT_DEL } = MessageType;

const HOT = { disableExternalCache: true, purgeTimeout: 30 } as const;
const KEEP = { ...HOT, standby: { keep: true, resyncSeconds: 0 } } as const;
const UDP: Partial<Flow> = { timeout: 5 };

const opened = watchedStations();

async function station(options: object = KEEP): Promise<Station> {
  const node = await opened(options, { timeout: true }).start();
  node.kernel.advance(0);
  return node;
}

/** Time passes at the nodes and in their kernels. `each` is called every second. */
async function live(seconds: number, nodes: readonly Station[], each: () => void = () => {}): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    await pass(1);
    each();
    for (const { kernel } of nodes) kernel.advance(performance.now());
  }
}

function receive(node: Station, type: number, n: number, fields: Partial<Flow> = UDP): void {
  node.receive((sequence) => data(type, sequence, record(n, fields)));
}

/** Shows that the peer is alive: it updates a flow that no test looks at. */
const peerUpdates = (node: Station) => () => receive(node, CT_UPD, 200, { timeout: 3600 });

describe('a flow that makes no events at the primary', () => {
  it('times out on a hot standby as C makes one', async () => {
    const node = await station(HOT);
    receive(node, CT_NEW, 1);
    await live(10, [node], peerUpdates(node));
    expect(node.has(1)).toBe(false);
  });

  it('is kept until the primary ends it', async () => {
    const node = await station();
    receive(node, CT_NEW, 1);
    await live(60, [node], peerUpdates(node));
    expect(node.has(1)).toBe(true);
    expect(node.node.standby!.flows.counters.lost).toBe(0);
    receive(node, CT_DEL, 1);
    expect(node.has(1)).toBe(false);
    await live(10, [node], peerUpdates(node));
    expect(node.has(1)).toBe(false);
    await soon();
    expect(node.sentRecords()).toEqual([]);
  });

  it('is kept where the primary sends no timeouts, too', async () => {
    const node = await station();
    receive(node, CT_NEW, 1, {});
    await live(200, [node], peerUpdates(node));
    expect(node.has(1)).toBe(true);
  });

  it('is kept no longer once the primary has been silent for a minute', async () => {
    const node = await station();
    receive(node, CT_NEW, 1);
    await live(50, [node]);
    expect(node.has(1)).toBe(true);
    await live(30, [node]);
    expect(node.has(1)).toBe(false);
    expect(node.node.standby!.flows.size).toBe(0);
  });

  it('is put back where our kernel lost it, and its end is not sent to the primary', async () => {
    const node = await station();
    receive(node, CT_NEW, 1);
    node.ends(1);
    await soon();
    expect(node.has(1)).toBe(false);
    await live(4, [node], peerUpdates(node));
    expect(node.has(1)).toBe(true);
    expect(node.sentRecords()).toEqual([]);
  });

  it('is left to the kernel where it closes: no packet will prolong it', async () => {
    const node = await station();
    receive(node, CT_NEW, 1, { tcp: { state: 7 }, timeout: 5 });
    await live(10, [node], peerUpdates(node));
    expect(node.has(1)).toBe(false);
  });
});

describe('a standby that takes over', () => {
  it('leaves all flows to its kernel, and keeps them again when it is asked to be a standby', async () => {
    const node = await station();
    receive(node, CT_NEW, 1);
    await node.commands.commit('all');
    await live(10, [node], peerUpdates(node));
    expect(node.has(1)).toBe(false);
    node.commands.requestResync();
    receive(node, CT_NEW, 1);
    await live(60, [node], peerUpdates(node));
    expect(node.has(1)).toBe(true);
  });

  it('leaves a flow to its kernel as soon as there is traffic here', async () => {
    const node = await station();
    receive(node, CT_NEW, 1);
    node.kernel.setMark(node.kernel.handleOf(flow(1).original), 7);
    await soon();
    expect(node.node.standby!.flows.size).toBe(0);
    expect(node.sentRecords()).toEqual(['NEW 1']);
  });
});

describe('a scheduled purge of a standby', () => {
  it('spares what the primary has', async () => {
    const node = await station();
    receive(node, CT_NEW, 1, { timeout: 600 });
    node.begins(2);
    node.commands.resetTimers();
    await live(40, [node], peerUpdates(node));
    expect([1, 2].map((n) => node.has(n))).toEqual([true, false]);
  });

  it('takes everything from a hot standby as C makes one', async () => {
    const node = await station(HOT);
    receive(node, CT_NEW, 1, { timeout: 600 });
    node.commands.resetTimers();
    await live(40, [node], peerUpdates(node));
    expect(node.has(1)).toBe(false);
  });
});

describe('a resync', () => {
  /** Flows 1 to 6 are known, and the primary still has the first `still` of them. */
  async function resynced(node: Station, still: number): Promise<void> {
    for (let n = 1; n <= 6; n++) receive(node, CT_NEW, n, { timeout: 3600 });
    await live(5, [node]);
    node.commands.requestResync();
    await soon();
    for (let n = 1; n <= still; n++) receive(node, CT_UPD, n, { timeout: 3600 });
    await live(50, [node], () => receive(node, CT_UPD, 1, { timeout: 3600 }));
  }
  const flowsOf = (node: Station) => [1, 2, 3, 4, 5, 6].filter((n) => node.has(n));

  it('removes what the primary no longer has', async () => {
    const node = await station();
    await resynced(node, 4);
    expect(flowsOf(node)).toEqual([1, 2, 3, 4]);
    expect(node.logged()).toContain(
      '[notice] hot standby: 2 flows removed that the other node no longer has',
    );
  });

  it('costs no request for what our kernel has already', async () => {
    const node = await station();
    await resynced(node, 6);
    const { created, updated, destroyed } = node.node.external.injection!.flows.counters;
    expect({ created, updated, destroyed }).toEqual({ created: 6, updated: 0, destroyed: 0 });
  });

  it('asks three times before it believes that most flows are gone', async () => {
    const node = await station();
    node.sent();
    await resynced(node, 1);
    const asked = node.sent().filter(({ flags }) => (flags & 2) !== 0);
    expect(asked).toHaveLength(3);
    expect(flowsOf(node)).toEqual([1]);
  });

  it('in NOTRACK removes only what two of them did not bring', async () => {
    const node = await station({ ...KEEP, mode: 'notrack' });
    await resynced(node, 4);
    expect(flowsOf(node)).toEqual([1, 2, 3, 4, 5, 6]);
    node.commands.requestResync();
    for (let n = 1; n <= 3; n++) receive(node, CT_UPD, n, { timeout: 3600 });
    await live(50, [node], () => receive(node, CT_UPD, 1, { timeout: 3600 }));
    expect(flowsOf(node)).toEqual([1, 2, 3, 4]);
  });

  it('comes by itself every few minutes, and after the primary was silent', async () => {
    const node = await station({ ...KEEP, standby: { keep: true, resyncSeconds: 100 } });
    node.commands.requestResync();
    receive(node, CT_NEW, 1, { timeout: 3600 });
    const asked = () => node.sent().filter(({ flags }) => (flags & 2) !== 0).length;
    await live(105, [node], peerUpdates(node));
    node.sent();
    await live(10, [node], peerUpdates(node));
    expect(asked()).toBe(1);
    await live(70, [node], () => {});
    expect(asked()).toBe(0);
    peerUpdates(node)();
    await live(2, [node]);
    expect(asked()).toBe(1);
  });
});

describe('a standby whose daemon was away', () => {
  async function restarted(known: number, prepare: (node: Station) => void = () => {}): Promise<Station> {
    const node = opened(KEEP, { timeout: true });
    prepare(node);
    // Injected by the daemon before this one.
    for (let n = 1; n <= 3; n++) node.begins(n);
    node.forgetEvents();
    await node.start();
    node.commands.requestResync();
    for (let n = 3; n < 3 + known; n++) receive(node, CT_NEW, n, { timeout: 3600 });
    await live(5, [node]);
    node.begins(100);
    await live(30, [node], () => receive(node, CT_UPD, 3, { timeout: 3600 }));
    return node;
  }

  it('removes what ended meanwhile, and neither what the primary has nor what began here', async () => {
    const node = await restarted(4);
    expect([1, 2, 3, 4, 5, 6, 100].filter((n) => node.has(n))).toEqual([3, 4, 5, 6, 100]);
    expect(node.cached('internal')).toEqual([100]);
  });

  it('removes nothing where the other node has less than would go: the command was a mistake', async () => {
    const node = await restarted(1);
    expect([1, 2, 3, 100].filter((n) => node.has(n))).toEqual([1, 2, 3, 100]);
    expect(node.logged().join('\n')).toContain(
      '2 flows of this kernel are not among the 1 of the other node',
    );
  });

  it.each([
    [1, [1, 2, 3, 100]],
    [2, [3, 4, 100]],
  ])('counts each flow once though the kernel interrupts its dumps (%s known)', async (known, left) => {
    const node = await restarted(known, ({ kernel }) => {
      const dumpFlows = kernel.dumpFlows.bind(kernel);
      vi.spyOn(kernel, 'dumpFlows').mockImplementation(interruptedOnce(dumpFlows, kernel.counters));
    });
    expect([1, 2, 3, 4, 100].filter((n) => node.has(n))).toEqual(left);
  });
});

describe('a pair of hot standbys', () => {
  it('equal each other after a failover and a fail-back', async () => {
    const [a, b] = [await station(), await station()];
    join(a, b);
    const flowsOf = (node: Station) => [1, 2, 3].filter((n) => node.has(n));
    a.begins(1);
    a.begins(2);
    await live(5, [a, b]);
    expect(flowsOf(b)).toEqual([1, 2]);
    await b.commands.commit('all');
    await b.commands.flushCaches('all');
    await b.commands.resyncWithKernel('all');
    b.commands.sendBulk();
    a.commands.requestResync();
    await soon();
    b.begins(3);
    b.ends(2);
    await live(5, [a, b]);
    expect([flowsOf(a), flowsOf(b)]).toEqual([
      [1, 3],
      [1, 3],
    ]);
    await a.commands.commit('all');
    await a.commands.flushCaches('all');
    await a.commands.resyncWithKernel('all');
    a.commands.sendBulk();
    b.commands.resetTimers();
    b.commands.requestResync();
    await soon();
    a.begins(2);
    a.ends(3);
    await live(40, [a, b]);
    expect([flowsOf(a), flowsOf(b)]).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });
});
