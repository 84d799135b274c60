import { describe, expect, it, vi } from 'vitest';
import { data } from '../../sim/fuzz/messages.ts';
import { NodeCommands } from '../../src/daemon/sync/node-commands.ts';
import type { Expectation } from '../../src/flow/expectation.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import { KernelError } from '../../src/kernel/kernel.ts';
import type { FilterRules } from '../../src/sync/flow-filter.ts';
import { encodeExpectation } from '../../src/wire/encode.ts';
import { MessageType } from '../../src/wire/header.ts';
import { wholeDump } from '../kernel/inside.ts';
import { describeMessage } from '../support/datagrams.ts';
import { flow, record } from '../table/records.ts';
import { pass, type Station, soon, watchedStations } from './station.ts';

const { CT_NEW, CT_UPD, CT_DEL, EXP_NEW } = MessageType;

const ESTABLISHED = { tcp: { state: 3 } } as const;
const CLOSING = { tcp: { state: 4 } } as const;
/** As traffic begins a flow. */
const UNANSWERED = { status: Status.CONFIRMED } as const;

const opened = watchedStations();

function station(...options: ConstructorParameters<typeof Station>): Promise<Station> {
  return opened(...options).start();
}

/** UDP is not replicated, and not flushed either. */
const NO_UDP: FilterRules = {
  protocols: { logic: 'ignore', numbers: [Protocol.UDP] },
  addresses: undefined,
  tcpStates: undefined,
};

const udp = (n: number) => ({ original: { ...flow(n).original, protocol: Protocol.UDP } });
const hasUdp = (node: Station, n: number) => node.kernel.lookup(udp(n).original) !== undefined;

const EXPECTATION: Expectation = {
  master: flow(1).original,
  expected: { ...flow(1).original, ports: { source: 0, destination: 2000 } },
  mask: { ...flow(1).original, source: '255.255.255.255', destination: '255.255.255.255' },
  helper: 'ftp',
};

/** The peer's flows `from` to below `to` arrive. */
function receiveMany(node: Station, from: number, to: number): void {
  for (let n = from; n < to; n++) node.receive((sequence) => data(CT_NEW, sequence, record(n)));
}

async function done(work: Promise<unknown>): Promise<void> {
  await soon();
  await work;
}

/** The same lines with the seconds of a commit left out. */
function timeless(lines: readonly string[]): string[] {
  return lines.map((line) => line.replace(/\d+\.\d{6} seconds/, 'SECONDS seconds'));
}

const TAKEN = '[notice] commit has taken SECONDS seconds';

describe('a quiet commit', () => {
  /** The node has no flows of its own, and knows of 250 of its peer's. */
  async function backup(...options: ConstructorParameters<typeof Station>): Promise<Station> {
    const node = await station(...options);
    node.commands = new NodeCommands(node.node, 1);
    for (let n = 0; n < 250; n++) {
      node.receive((sequence) => data(CT_NEW, sequence, record(n, { ...ESTABLISHED, mark: n % 2 })));
    }
    return node;
  }
  /** What the internal cache has for the flow of this record. */
  const recordIn = ({ node }: Station, bytes: Uint8Array): Uint8Array => {
    const { table } = node.replica.internal.flows;
    const slot = table.find(bytes, 0, bytes.length);
    return table.bytesOf(slot).slice(table.offsetOf(slot), table.offsetOf(slot) + table.sizeOf(slot));
  };
  /** How many events the node has read from the kernel. */
  const eventsReceived = ({ node }: Station) => node.counters.eventsReceived;

  it('puts the flows into the kernel and the internal cache, and sends nothing to the peer', async () => {
    const node = await backup();
    await done(node.commands.commit('all'));
    expect(node.kernel.size).toBe(250);
    expect(node.cached('internal').length).toBe(250);
    expect(eventsReceived(node)).toBe(0);
    expect(node.sentRecords()).toEqual([]);
    expect(timeless(node.logged())).toEqual([
      '[notice] committing all external caches',
      '[notice] Committed 250 new entries',
      TAKEN,
    ]);
    // From here on the node reads all events again.
    node.begins(280);
    node.ends(3);
    await soon();
    expect(node.sentRecords()).toEqual(['NEW 280', 'DEL 3']);
  });

  it('sends what traffic has begun and changed meanwhile, and what has ended', async () => {
    const node = await backup();
    const committed = node.commands.commit('flows');
    node.begins(270, UNANSWERED);
    node.kernel.setState(flow(0).original, CLOSING);
    node.kernel.setState(flow(1).original, { mark: 7 });
    node.kernel.refresh(flow(2).original, 1000);
    node.ends(4);
    await done(committed);
    expect(node.sentRecords()).toEqual(['NEW 0', 'NEW 1', 'NEW 270']);
    expect(node.cached('internal')).toEqual([...Array(250).keys()].filter((n) => n !== 4).concat(270));
  });

  it('sends a flow that traffic has begun meanwhile and has answered since', async () => {
    const node = await backup();
    const committed = node.commands.commit('flows');
    node.begins(270, UNANSWERED);
    node.kernel.setState(flow(270).original, { ...ESTABLISHED, status: Status.SEEN_REPLY });
    node.begins(271, UNANSWERED);
    await done(committed);
    expect(node.sentRecords()).toEqual(['NEW 270', 'NEW 271']);
    expect(node.kernel.size).toBe(252);
  });

  it('holds in the internal cache what the kernel has, but for its own number', async () => {
    const node = await station({ commitTimeout: undefined }, { timeout: true });
    node.commands = new NodeCommands(node.node, 1);
    for (let n = 0; n < 250; n++) {
      const fields = { ...ESTABLISHED, mark: n, timeout: 1000 + n };
      node.receive((sequence) => data(CT_NEW, sequence, record(n, fields)));
    }
    await pass(40);
    await done(node.commands.commit('flows'));
    const dumped = wholeDump(node.kernel.dumpFlows());
    expect(dumped.length).toBe(250);
    for (const { record: bytes } of dumped) expect(recordIn(node, bytes)).toEqual(bytes);
  });

  it('knows what it created although the peer ends a flow as soon as the kernel has it', async () => {
    const node = await backup();
    const run = node.kernel.run.bind(node.kernel);
    let ended = 0;
    vi.spyOn(node.kernel, 'run').mockImplementation((batch) => {
      const answers = run(batch);
      queueMicrotask(() => node.receive((sequence) => data(CT_DEL, sequence, record(ended++))));
      return answers;
    });
    await done(node.commands.commit('flows'));
    expect(ended).toBeGreaterThan(0);
    expect(node.cached('internal')).toEqual([...Array(250).keys()]);
  });

  it('keeps what its filter leaves out of the internal cache', async () => {
    const node = await backup({
      filter: { ...NO_UDP, protocols: { logic: 'ignore', numbers: [Protocol.TCP] } },
    });
    await done(node.commands.commit('flows'));
    expect(node.kernel.size).toBe(250);
    expect(node.cached('internal')).toEqual([]);
  });

  it('sends of the flows that were there before only those that have changed', async () => {
    const node = await backup();
    for (let n = 260; n < 264; n++) node.begins(n, ESTABLISHED);
    await soon();
    expect(node.sentRecords().length).toBe(4);
    const committed = node.commands.commit('flows');
    node.kernel.setState(flow(261).original, CLOSING);
    node.ends(262);
    await done(committed);
    expect(node.sentRecords()).toEqual(['UPD 261', 'DEL 262']);
  });

  it('keeps the flows that it replaced in the internal cache', async () => {
    const node = await backup();
    for (let n = 0; n < 200; n++) node.begins(n, { mark: 9 });
    await soon();
    node.sentRecords();
    await done(node.commands.commit('flows'));
    expect(node.sentRecords()).toEqual([]);
    expect(node.cached('internal')).toEqual([...Array(250).keys()]);
    for (let n = 0; n < 250; n++)
      expect(recordIn(node, record(n))).toEqual(record(n, { ...ESTABLISHED, mark: n % 2 }));
  });

  it('keeps a flow that it created just after one with the same tuple had ended', async () => {
    const node = await backup();
    node.begins(7, { mark: 9 });
    await soon();
    node.sentRecords();
    node.ends(7);
    await done(node.commands.commit('flows'));
    expect(node.sentRecords()).toEqual(['DEL 7']);
    expect(node.cached('internal')).toEqual([...Array(250).keys()]);
    expect(recordIn(node, record(7))).toEqual(record(7, { ...ESTABLISHED, mark: 1 }));
  });

  it('keeps a flow that ended and began again before its end was read', async () => {
    const node = await backup();
    node.begins(260, ESTABLISHED);
    await soon();
    node.sentRecords();
    const committed = node.commands.commit('flows');
    node.ends(260);
    node.begins(260, { ...CLOSING, ...UNANSWERED });
    await done(committed);
    expect(node.cached('internal')).toContain(260);
    expect(node.sentRecords()).toEqual(['DEL 260', 'NEW 260']);
  });

  it('is not used while most of the table is of other flows, or the cache is small', async () => {
    const node = await backup();
    for (let n = 0; n < 249; n++) node.kernel.originate(udp(n), 600);
    await soon();
    expect(eventsReceived(node)).toBe(249);
    node.begins(260);
    node.begins(261);
    await soon();
    await done(node.commands.commit('flows'));
    expect(eventsReceived(node)).toBe(251 + 250);

    const small = await backup();
    await done(new NodeCommands(small.node).commit('flows'));
    expect(eventsReceived(small)).toBe(250);
  });

  it('brings expectations into the internal cache with their masters, and sends those that it did not bring', async () => {
    const node = await station({ expectationSync: true }, { expectations: true });
    node.commands = new NodeCommands(node.node, 1);
    const master = (n: number) => record(n, { ...ESTABLISHED, helper: 'ftp' });
    const expected = (n: number): Expectation => ({
      ...EXPECTATION,
      master: flow(n).original,
      expected: { ...flow(n).original, ports: { source: 0, destination: 2000 } },
    });
    for (const n of [1, 2, 3]) node.receive((sequence) => data(CT_NEW, sequence, master(n)));
    node.receive((sequence) => data(EXP_NEW, sequence, encodeExpectation(expected(1))));
    const committed = node.commands.commit('all');
    expect(node.kernel.expect(expected(2), 60)).toBe(0);
    await done(committed);
    expect(node.node.replica.internal.expectations.counters.active).toBe(2);
    expect(node.node.replica.internal.flows.counters.active).toBe(3);
    const sent = node.sent().filter(({ record: bytes }) => bytes !== undefined);
    expect(sent.map((message) => describeMessage({ ...message, flags: 0 }))).toEqual(['EXP NEW']);
  });

  it('sends a bulk again that was asked for before the internal cache was complete', async () => {
    const node = await backup();
    await done(node.commands.commit('flows').then(() => node.commands.sendBulk()));
    const all = [...Array(250).keys()].map((n) => `NEW ${n}`);
    expect([...new Set(node.sentRecords())].sort()).toEqual(all.sort());
  });

  it('stops its reconciliation when the internal cache is flushed', async () => {
    const node = await backup();
    const committed = node.commands.commit('flows');
    node.begins(270, UNANSWERED);
    await done(committed.then(() => node.commands.flushCaches('all')));
    expect(node.cached('internal')).toEqual([]);
    expect(node.sentRecords()).toEqual([]);
  });

  it('subscribes to new flows again after the kernel did not answer, and after its table could not be read', async () => {
    const node = await backup();
    const run = vi.spyOn(node.kernel, 'run').mockImplementation(() => {
      throw new KernelError('no answer today');
    });
    const dump = vi.spyOn(node.kernel, 'dumpFlows').mockImplementation(() => {
      throw new KernelError('no table today');
    });
    await done(node.commands.commit('flows'));
    expect(node.logged()).toEqual([
      '[notice] committing conntrack cache',
      '[ERROR] commit: no answer today',
      "[ERROR] reading the kernel's table after the commit: no table today",
    ]);
    run.mockRestore();
    dump.mockRestore();
    node.begins(280);
    await soon();
    expect(node.sentRecords()).toEqual(['NEW 280']);
  });

  it('stops when the node is closed meanwhile', async () => {
    const node = await backup();
    const committed = node.commands.commit('flows');
    node.begins(270, UNANSWERED);
    node.close();
    const known = node.cached('internal');
    await done(committed);
    expect(known.length).toBeLessThan(250);
    expect(node.cached('internal')).toEqual(known);
  });
});

describe('commit', () => {
  it("puts the peer's flows into the kernel, and sends nothing to the peer", async () => {
    const node = await station();
    receiveMany(node, 0, 250);
    await done(node.commands.commit('all'));
    expect(node.kernel.size).toBe(250);
    expect(node.cached('internal').length).toBe(250);
    expect(node.sentRecords()).toEqual([]);
    expect(timeless(node.logged())).toEqual([
      '[notice] committing all external caches',
      '[notice] Committed 250 new entries',
      TAKEN,
    ]);
    // The external cache stays as it is.
    expect(node.cached('external').length).toBe(250);
  });

  it('commits a flow after its master, in whatever order they came', async () => {
    const node = await station();
    node.receive((sequence) => data(CT_NEW, sequence, record(5, { master: flow(200).original })));
    receiveMany(node, 6, 201);
    await done(node.commands.commit('flows'));
    expect(node.has(5)).toBe(true);
    expect(timeless(node.logged())).toEqual([
      '[notice] committing conntrack cache',
      '[notice] Committed 196 new entries',
      TAKEN,
    ]);
  });

  it('gives flows CommitTimeout, or what is left of their own timeout', async () => {
    const fixed = await station({ commitTimeout: 100 });
    receiveMany(fixed, 1, 2);
    await done(fixed.commands.commit('flows'));
    fixed.kernel.advance(99_000);
    expect(fixed.has(1)).toBe(true);
    fixed.kernel.advance(100_000);
    expect(fixed.has(1)).toBe(false);

    const own = await station({ commitTimeout: undefined });
    own.receive((sequence) => data(CT_NEW, sequence, record(1, { timeout: 100 })));
    await pass(40);
    await done(own.commands.commit('flows'));
    own.kernel.advance(59_000);
    expect(own.has(1)).toBe(true);
    own.kernel.advance(61_000);
    expect(own.has(1)).toBe(false);
  });

  it('replaces what is there already', async () => {
    const node = await station();
    node.begins(1, { mark: 1 });
    await soon();
    node.sentRecords();
    node.receive((sequence) => data(CT_NEW, sequence, record(1, { mark: 2 })));
    await done(node.commands.commit('flows'));
    expect(node.kernel.lookup(flow(1).original)!.mark).toBe(2);
    expect(node.sentRecords()).toEqual([]);
    expect(node.logged()).toContain('[notice] Committed 1 new entries');
  });

  it('logs what the kernel rejected, and commits the rest', async () => {
    const node = await station();
    node.receive((sequence) => data(CT_NEW, sequence, record(1, { helper: 'nosuch' })));
    node.receive((sequence) => data(CT_NEW, sequence, record(2, { master: flow(99).original })));
    receiveMany(node, 3, 5);
    await done(node.commands.commit('flows'));
    expect(timeless(node.logged())).toEqual([
      '[notice] committing conntrack cache',
      '[ERROR] commit-create: Operation not supported',
      '[ERROR] commit-create: No such file or directory',
      '[notice] Committed 2 new entries',
      "[notice] 2 entries can't be committed",
      TAKEN,
    ]);
  });

  it('is refused while another one is under way, and so is a flush of the external cache', async () => {
    const node = await station();
    receiveMany(node, 0, 299);
    const first = node.commands.commit('flows');
    await node.commands.commit('all');
    await node.commands.flushCaches('all');
    node.commands.flushExternal();
    expect(node.cached('external').length).toBe(299);
    await done(first);
    expect(node.kernel.size).toBe(299);
    expect(timeless(node.logged())).toEqual([
      '[notice] committing conntrack cache',
      '[notice] committing all external caches',
      '[notice] commit already in progress, skipping',
      '[ERROR] ignoring flush command, commit still in progress',
      '[ERROR] ignoring flush command, commit still in progress',
      '[notice] Committed 299 new entries',
      TAKEN,
    ]);
    await done(node.commands.flushCaches('all'));
    expect(node.cached('external')).toEqual([]);
  });

  it('removes the flows that end meanwhile', async () => {
    const node = await station();
    receiveMany(node, 0, 299);
    const committed = node.commands.commit('flows');
    for (let n = 200; n < 299; n++) {
      node.receive((sequence) => data(MessageType.CT_DEL, sequence, record(n)));
    }
    await done(committed);
    expect(node.kernel.size).toBe(200);
    expect(node.logged()).toContain('[notice] Committed 200 new entries');
  });

  it('can be repeated after the kernel did not answer', async () => {
    const node = await station();
    receiveMany(node, 0, 3);
    const run = vi.spyOn(node.kernel, 'run').mockImplementation(() => {
      throw new KernelError('no answer today');
    });
    await done(node.commands.commit('flows'));
    expect(node.logged()).toEqual(['[notice] committing conntrack cache', '[ERROR] commit: no answer today']);
    run.mockRestore();
    await done(node.commands.commit('flows'));
    expect(node.kernel.size).toBe(3);
  });

  it('is waited for by who wants the node idle, however it ends', async () => {
    const node = await station();
    receiveMany(node, 0, 3);
    const run = vi.spyOn(node.kernel, 'run').mockImplementation(() => {
      throw new Error('a bug');
    });
    const committed = node.commands.commit('flows');
    const idle = node.commands.whenIdle();
    await expect(committed).rejects.toThrow('a bug');
    await done(idle);
    run.mockRestore();
  });

  it('ends when the node is closed', async () => {
    const node = await station();
    receiveMany(node, 0, 299);
    const run = vi.spyOn(node.kernel, 'run');
    const committed = node.commands.commit('all');
    node.close();
    await done(committed);
    expect(run).toHaveBeenCalledTimes(1);
  });

  it('does nothing without an external cache', async () => {
    const node = await station({ disableExternalCache: true });
    node.logged();
    await done(node.commands.commit('all'));
    expect(node.logged()).toEqual(['[notice] committing all external caches']);
  });

  it('commits expectations after their masters', async () => {
    const node = await station({ expectationSync: true });
    node.receive((sequence) => data(EXP_NEW, sequence, encodeExpectation(EXPECTATION)));
    node.receive((sequence) => data(CT_NEW, sequence, record(1, { helper: 'ftp' })));
    await done(node.commands.commit('all'));
    expect(timeless(node.logged())).toEqual([
      '[notice] committing all external caches',
      '[notice] Committed 1 new entries',
      TAKEN,
      '[notice] Committed 1 new expectations',
      TAKEN,
    ]);
    expect(node.node.replica.internal.expectations.counters.active).toBe(1);
    expect(
      node
        .sent()
        .map(describeMessage)
        .filter((text) => text.startsWith('EXP')),
    ).toEqual([]);
  });

  it('commits expectations alone', async () => {
    const node = await station({ expectationSync: true });
    receiveMany(node, 1, 2);
    await done(node.commands.commit('expectations'));
    expect(node.has(1)).toBe(false);
    expect(timeless(node.logged())).toEqual([
      '[notice] committing expectation cache',
      '[notice] Committed 0 new expectations',
      TAKEN,
    ]);
  });
});

describe('flush of the caches', () => {
  it('forgets both, and what was to be sent', async () => {
    const node = await station();
    node.begins(1);
    await soon();
    node.sentRecords();
    node.begins(2);
    await vi.advanceTimersByTimeAsync(0);
    receiveMany(node, 1, 3);
    await done(node.commands.flushCaches('all'));
    expect([node.cached('internal'), node.cached('external')]).toEqual([[], []]);
    expect(node.logged()).toEqual(['[notice] flushing caches']);
    expect(node.kernel.size).toBe(2);
    node.ends(1);
    await soon();
    // It sends nothing about what it has flushed.
    expect(node.sentRecords().filter((text) => text.startsWith('DEL'))).toEqual([]);
  });

  it('forgets one of them', async () => {
    const node = await station();
    node.begins(1);
    await soon();
    receiveMany(node, 2, 3);
    node.commands.flushExternal();
    expect([node.cached('internal'), node.cached('external')]).toEqual([[1], []]);
    receiveMany(node, 2, 3);
    await node.commands.flushInternal('flows');
    expect([node.cached('internal'), node.cached('external')]).toEqual([[], [2]]);
    expect(node.logged()).toEqual(['[notice] flushing external cache', '[notice] flushing internal cache']);
  });

  it('leaves expectations alone unless all is asked for', async () => {
    const node = await station({ expectationSync: true });
    node.receive((sequence) => data(EXP_NEW, sequence, encodeExpectation(EXPECTATION)));
    const { expectations } = node.node.external.caches!;
    await done(node.commands.flushCaches('flows'));
    expect(expectations.table.size).toBe(1);
    await done(node.commands.flushCaches('all'));
    expect(expectations.table.size).toBe(0);
  });

  it("flushes the kernel's table, where that stands for the internal cache", async () => {
    const node = await station(
      { mode: 'notrack', disableInternalCache: true, expectationSync: true },
      { expectations: true },
    );
    node.begins(1, { helper: 'ftp' });
    node.kernel.expect(EXPECTATION, 60);
    await soon();
    node.sent();
    await done(node.commands.flushCaches('all'));
    expect(node.kernel.size).toBe(0);
    expect(node.sent()).toEqual([]);
    expect(node.node.counters.kernelFlushes).toBe(0);
    vi.spyOn(node.kernel, 'flushExpectations').mockImplementation(() => {
      throw new KernelError('no flush today');
    });
    node.logged();
    await done(node.commands.flushCaches('all'));
    expect(node.logged()).toEqual([
      '[notice] flushing caches',
      '[ERROR] flush of expectations: no flush today',
    ]);
  });
});

describe("flush of the kernel's table", () => {
  it('spares what the filter ignores, and the peer keeps all of it', async () => {
    const node = await station({ filter: NO_UDP });
    for (let n = 0; n < 250; n++) node.begins(n);
    node.begins(1, udp(1));
    await soon();
    node.sentRecords();
    await done(node.commands.flushKernel('all'));
    expect(node.kernel.size).toBe(1);
    expect(hasUdp(node, 1)).toBe(true);
    expect(node.sentRecords()).toEqual([]);
    expect(node.cached('internal')).toEqual([]);
    expect(node.logged()).toEqual(['[notice] flushing kernel conntrack table']);
    expect(node.node.counters.kernelFlushes).toBe(1);
  });

  it('flushes expectations too, or alone', async () => {
    const node = await station({ expectationSync: true }, { expectations: true });
    node.begins(1, { helper: 'ftp' });
    node.kernel.expect(EXPECTATION, 60);
    await soon();
    await done(node.commands.flushKernel('expectations'));
    expect(node.has(1)).toBe(true);
    expect(node.kernel.expect(EXPECTATION, 60)).toBe(0);
    await done(node.commands.flushKernel('all'));
    expect(node.kernel.size).toBe(0);
    expect(node.logged()).toEqual([
      '[notice] flushing kernel expect table',
      '[notice] flushing kernel conntrack table',
      '[notice] flushing kernel expect table',
    ]);
    expect(node.node.counters.kernelFlushes).toBe(3);
  });

  it('keeps running when the kernel fails', async () => {
    const node = await station();
    const dump = vi.spyOn(node.kernel, 'dumpFlows').mockImplementation(() => {
      throw new KernelError('no dump today');
    });
    await done(node.commands.flushKernel('flows'));
    expect(node.logged()).toContain("[ERROR] flush of the kernel's table: no dump today");
    dump.mockRestore();
    node.begins(1);
    await done(node.commands.flushKernel('flows'));
    expect(node.kernel.size).toBe(0);
  });
});

describe('scheduled flush (-t)', () => {
  it("flushes the kernel's table and the internal cache after PurgeTimeout seconds, once however often asked", async () => {
    const node = await station({ purgeTimeout: 20, filter: NO_UDP });
    node.begins(1);
    node.begins(2, udp(2));
    await soon();
    node.sentRecords();
    node.commands.resetTimers();
    node.commands.resetTimers();
    await pass(19);
    expect(node.kernel.size).toBe(2);
    await pass(2);
    expect(node.kernel.size).toBe(1);
    expect(hasUdp(node, 2)).toBe(true);
    expect(node.cached('internal')).toEqual([]);
    expect(node.sentRecords()).toEqual([]);
    expect(node.logged()).toEqual([
      '[notice] flushing conntrack table in 20 secs',
      '[notice] flushing kernel conntrack table (scheduled)',
    ]);
    expect(node.node.counters.kernelFlushes).toBe(1);
    node.commands.resetTimers();
    expect(node.logged()).toEqual(['[notice] flushing conntrack table in 20 secs']);
  });

  it('does not forget a flow that begins while the table is flushed', async () => {
    const node = await station({ purgeTimeout: 20 });
    for (let n = 0; n < 250; n++) node.begins(n);
    await soon();
    node.commands.resetTimers();
    const dumps = vi.spyOn(node.kernel, 'dumpFlows');
    while (dumps.mock.calls.length === 0) await vi.advanceTimersByTimeAsync(1);
    node.begins(280);
    await soon();
    expect(node.has(280)).toBe(true);
    expect(node.cached('internal')).toEqual([280]);
  });

  it.each<[string, (node: Station) => unknown]>([
    ['-c', ({ commands }) => commands.commit('flows')],
    ['-f', ({ commands }) => commands.flushCaches('all')],
    ['-f internal', ({ commands }) => commands.flushInternal('flows')],
    ['the end of the daemon', (node) => node.close()],
  ])('is cancelled by %s', async (_, cancel) => {
    const node = await station({ purgeTimeout: 20 });
    node.begins(1);
    node.commands.resetTimers();
    await pass(5);
    cancel(node);
    await pass(60);
    expect(node.has(1)).toBe(true);
  });

  it('is not cancelled by -f external', async () => {
    const node = await station({ purgeTimeout: 20 });
    node.begins(1);
    node.commands.resetTimers();
    node.commands.flushExternal();
    await pass(21);
    expect(node.has(1)).toBe(false);
  });

  it('does not happen at once if PurgeTimeout is longer than a timer of Node can run', async () => {
    const node = await station({ purgeTimeout: 0xffff_ffff });
    node.begins(1);
    node.commands.resetTimers();
    await pass(3600);
    expect(node.has(1)).toBe(true);
  });

  it('keeps running when the kernel fails', async () => {
    const node = await station({ purgeTimeout: 20 });
    vi.spyOn(node.kernel, 'dumpFlows').mockImplementation(() => {
      throw new KernelError('no dump today');
    });
    node.commands.resetTimers();
    await pass(21);
    expect(node.logged()).toContain("[ERROR] flush of the kernel's table: no dump today");
  });
});

describe('resync with the kernel', () => {
  it('reads the table again without sending it', async () => {
    const node = await station();
    node.begins(1);
    node.begins(2);
    node.forgetEvents();
    await done(node.commands.resyncWithKernel('all'));
    expect(node.cached('internal')).toEqual([1, 2]);
    expect(node.sentRecords()).toEqual([]);
    expect(node.logged()).toEqual(['[notice] resync with master conntrack table']);
    expect(node.node.counters.kernelResyncs).toBe(1);
  });

  it('reads expectations too, or alone', async () => {
    const node = await station({ expectationSync: true });
    node.begins(1, { helper: 'ftp' });
    await soon();
    node.kernel.expect(EXPECTATION, 60);
    node.forgetEvents();
    await done(node.commands.resyncWithKernel('expectations'));
    expect(node.node.replica.internal.expectations.counters.active).toBe(1);
    await done(node.commands.resyncWithKernel('all'));
    expect(node.logged()).toEqual([
      '[notice] resync with master expect table',
      '[notice] resync with master conntrack table',
      '[notice] resync with master expect table',
    ]);
  });

  it('reports that there is nothing to resync without an internal cache', async () => {
    const node = await station({ mode: 'notrack', disableInternalCache: true });
    node.logged();
    await done(node.commands.resyncWithKernel('all'));
    expect(node.logged()).toEqual(['[notice] resync is unsupported in this mode']);
    expect(node.node.counters.kernelResyncs).toBe(0);
  });

  it('keeps running when the kernel fails', async () => {
    const node = await station();
    vi.spyOn(node.kernel, 'dumpFlows').mockImplementation(() => {
      throw new KernelError('no dump today');
    });
    await done(node.commands.resyncWithKernel('flows'));
    expect(node.logged()).toContain("[ERROR] resync with the kernel's table: no dump today");
  });
});

describe('resync with the peer', () => {
  it('asks the peer for all that it has', async () => {
    const node = await station();
    node.commands.requestResync();
    await soon();
    expect(node.sent().map(describeMessage)).toEqual(['RESYNC HELLO']);
    expect(node.logged()).toEqual(['[notice] resync requested']);
  });

  it('sends all that this node has', async () => {
    const node = await station();
    node.begins(1);
    await soon();
    node.sentRecords();
    node.commands.sendBulk();
    await soon();
    expect(node.sentRecords()).toEqual(['NEW 1']);
    expect(node.logged()).toEqual(['[notice] sending bulk update']);
  });

  it('does neither in ALARM mode', async () => {
    const node = await station({ mode: 'alarm' });
    node.begins(1);
    await soon();
    node.sentRecords();
    node.commands.requestResync();
    node.commands.sendBulk();
    await soon();
    expect(node.sent()).toEqual([]);
    expect(node.logged()).toEqual([]);
  });

  it("sends the kernel's table without an internal cache", async () => {
    const node = await station({ mode: 'notrack', disableInternalCache: true });
    node.begins(1);
    await soon();
    node.sentRecords();
    node.commands.sendBulk();
    await soon();
    expect(node.sentRecords()).toEqual(['NEW 1']);
  });
});

it('an update of a flow that the external cache lacks is committed as it came', async () => {
  const node = await station();
  node.receive((sequence) => data(CT_UPD, sequence, record(1, { mark: 3 })));
  await done(node.commands.commit('flows'));
  expect(node.kernel.lookup(flow(1).original)!.mark).toBe(3);
});
