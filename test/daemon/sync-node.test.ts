import { describe, expect, it, vi } from 'vitest';
import { rangeMessage } from '../../sim/faults/stage/messages.ts';
import { ack, alive, data, resync } from '../../sim/fuzz/messages.ts';
import { kernelExpectationLines, kernelFlowLines } from '../../src/daemon/sync/cache-dump.ts';
import type { Expectation } from '../../src/flow/expectation.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import { KernelError } from '../../src/kernel/kernel.ts';
import type { FilterRules } from '../../src/sync/flow-filter.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { encodeExpectation } from '../../src/wire/encode.ts';
import { Flag, MessageType } from '../../src/wire/header.ts';
import { interruptedOnce } from '../kernel/interrupted.ts';
import { describeMessage } from '../support/datagrams.ts';
import { flow, record } from '../table/records.ts';
import { join, pass, type Station, soon, watchedStations } from './station.ts';

const { CT_NEW, CT_UPD, CT_DEL, EXP_NEW } = MessageType;

const station = watchedStations();

/** Flows of TCP only, and not those from 10.0.0.9. */
const FILTER: FilterRules = {
  protocols: { logic: 'accept', numbers: [Protocol.TCP] },
  addresses: { logic: 'ignore', networks: [{ family: 4, bytes: Uint8Array.of(10, 0, 0, 9), prefix: 32 }] },
  tcpStates: undefined,
};

const expectation = (master: number, helper?: string): Expectation => ({
  master: flow(master).original,
  expected: { ...flow(master).original, ports: { source: 0, destination: 2000 + master } },
  mask: { ...flow(master).original, source: '255.255.255.255', destination: '255.255.255.255' },
  ...(helper === undefined ? {} : { helper }),
});

describe('SyncNode: start', () => {
  it("reads the kernel's table into the internal cache without sending it", async () => {
    const node = station();
    for (let n = 0; n < 200; n++) node.begins(n);
    node.forgetEvents();
    await node.start();
    expect(node.cached('internal').length).toBe(200);
    expect(node.sentRecords()).toEqual([]);
  });

  it('does not miss a flow that begins, nor the end of one, while it reads', async () => {
    const node = station();
    for (let n = 0; n < 200; n++) node.begins(n);
    node.forgetEvents();
    const started = node.node.start(false);
    node.begins(250);
    node.ends(199);
    await soon();
    await started;
    expect(node.cached('internal')).toEqual([...Array(199).keys(), 250]);
    // The peer never received flow 199.
    expect(node.sentRecords()).toEqual(['NEW 250']);
  });

  it('takes a flow that ended and began again while it reads', async () => {
    const node = station();
    for (let n = 0; n < 200; n++) node.begins(n);
    node.forgetEvents();
    const started = node.node.start(false);
    node.ends(199);
    node.begins(199, { mark: 7 });
    await soon();
    await started;
    expect(node.cached('internal').length).toBe(200);
    expect(node.sentRecords()).toEqual(['NEW 199']);
  });

  it('answers a request that comes while it reads with all that it reads', async () => {
    const node = station();
    for (let n = 0; n < 200; n++) node.begins(n);
    node.forgetEvents();
    const started = node.node.start(false);
    node.receive(resync);
    expect(node.sentRecords()).toEqual([]);
    await soon();
    await started;
    expect(node.sentRecords().length).toBe(200);
  });

  it('asks the peer for all that it has, with StartupResync', async () => {
    const node = await station().start(true);
    expect(node.sent().map(describeMessage)).toEqual(['RESYNC HELLO']);
    expect(node.logged()).toEqual(['[notice] resync requested']);
  });

  it('skips the flows that the filter ignores, in the dump and in events', async () => {
    const node = station({ filter: FILTER });
    node.begins(1);
    node.begins(9);
    node.forgetEvents();
    await node.start();
    node.begins(2);
    node.begins(3, { original: { ...flow(3).original, protocol: Protocol.UDP } });
    node.ends(9);
    await soon();
    expect(node.cached('internal')).toEqual([1, 2]);
    expect(node.sentRecords()).toEqual(['NEW 2']);
    expect(node.node.counters).toMatchObject({ eventsReceived: 3, eventsFiltered: 2 });
  });

  it('has every flow that lives if the kernel interrupts the dump of the start', async () => {
    const node = station();
    for (let n = 0; n < 10; n++) node.begins(n);
    node.forgetEvents();
    const dumpFlows = node.kernel.dumpFlows.bind(node.kernel);
    vi.spyOn(node.kernel, 'dumpFlows').mockImplementation(interruptedOnce(dumpFlows, node.kernel.counters));
    await node.start();
    expect(node.cached('internal')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(node.kernel.counters.interruptedDumps).toBe(1);
  });

  it('fails when the kernel does', async () => {
    const node = station();
    vi.spyOn(node.kernel, 'dumpFlows').mockImplementation(() => {
      throw new KernelError('no dump today');
    });
    await expect(node.node.start(false)).rejects.toThrow('no dump today');
  });

  it('leaves no timer behind when it is closed in the middle', async () => {
    const node = station();
    for (let n = 0; n < 200; n++) node.begins(n);
    const started = node.node.start(true);
    node.close();
    await soon();
    await started;
    expect(vi.getTimerCount()).toBe(0);
    expect(node.sent()).toEqual([]);
  });
});

describe('SyncNode: replication', () => {
  it('sends each change in the kernel', async () => {
    const node = await station().start();
    node.begins(1);
    await soon();
    node.kernel.setState(flow(1).original, { mark: 5 });
    await soon();
    node.ends(1);
    await soon();
    expect(node.sentRecords()).toEqual(['NEW 1', 'UPD 1', 'DEL 1']);
  });

  it('replicates the changes of one kernel into the external cache of the other node', async () => {
    const a = await station().start();
    const b = await station().start();
    join(a, b);
    for (let n = 0; n < 250; n++) a.begins(n);
    b.begins(5);
    await soon();
    for (let n = 0; n < 100; n++) a.ends(n);
    await pass(3);
    expect(b.cached('external')).toEqual(Array.from({ length: 150 }, (_, n) => n + 100));
    expect(a.cached('external')).toEqual([5]);
    // Everything is acknowledged by now: nothing dead is kept.
    expect(a.node.replica.internal.flows.table.size).toBe(150);
  });

  it('sends ALIVE every second', async () => {
    const node = await station().start();
    await pass(3.1);
    expect(node.sent().map(describeMessage)).toEqual(['ALIVE HELLO', 'ALIVE HELLO', 'ALIVE HELLO']);
  });

  it('sends NACK a tenth of a second after a message was lost, though its timer was set to a second', async () => {
    const node = await station().start();
    node.receive((sequence) => alive(sequence));
    node.receive((sequence) => alive(sequence + 1));
    await soon();
    expect(node.sent().map(describeMessage)).toEqual(['ACK 1-1 HELLO', 'NACK 2-2 HELLO']);
    await pass(0.1);
    expect(node.sent().map(describeMessage)).toEqual(['ACK 3-3 HELLO']);
  });

  it('makes the link of a valid message the current one, and not that of a bad one', async () => {
    const node = await station().start();
    node.receive(alive, 2);
    node.receiveDatagram(Uint8Array.of(1, 2, 3), 3);
    node.receiveDatagram(ack(100, 5, 4), 3);
    expect(node.markedCurrent).toEqual([2]);
  });

  it('sends all its records when the peer asks, and logs it', async () => {
    const node = station();
    node.begins(1);
    node.begins(2);
    node.forgetEvents();
    await node.start();
    node.receive(resync);
    await soon();
    expect(node.sentRecords()).toEqual(['NEW 1', 'NEW 2']);
    expect(node.logged()).toEqual([
      '[notice] resync requested by other node',
      '[notice] sending bulk update',
    ]);
  });

  it('keeps to HashLimit in both caches, and keeps running', async () => {
    const node = await station({ hashLimit: 2 }).start();
    for (let n = 0; n < 4; n++) node.begins(n);
    for (let n = 0; n < 4; n++) node.receive((sequence) => data(CT_NEW, sequence, record(n)));
    await soon();
    expect(node.cached('internal')).toEqual([0, 1]);
    expect(node.cached('external')).toEqual([0, 1]);
    expect(node.node.replica.internal.flows.counters.createFailedFull).toBe(2);
    expect(node.node.external.caches!.flows.counters.createFailedFull).toBe(2);
    node.receive((sequence) => data(CT_DEL, sequence, record(0)));
    node.receive((sequence) => data(CT_UPD, sequence, record(3)));
    expect(node.cached('external')).toEqual([1, 3]);
  });

  it('counts the traffic of the flows that ended, if they are replicated', async () => {
    const node = station({ filter: FILTER });
    for (const n of [1, 2, 9]) {
      node.begins(n);
      const times = { packets: n, bytes: 100 * n };
      node.kernel.count(flow(n).original, times, times);
    }
    await node.start();
    for (const n of [1, 9]) node.ends(n);
    await soon();
    expect(node.node.counters).toMatchObject({ trafficPackets: 2, trafficBytes: 200 });
  });

  it('sends and accepts nothing after it is closed', async () => {
    const node = await station().start();
    node.begins(1);
    node.close();
    node.receive((sequence) => data(CT_NEW, sequence, record(1)));
    await pass(5);
    expect(node.sent()).toEqual([]);
    expect(node.markedCurrent).toEqual([]);
    expect(node.cached('external')).toEqual([]);
  });

  it('drops the records that are not refreshed, in ALARM mode', async () => {
    const node = await station({ mode: 'alarm', cacheTimeout: 20 }).start();
    node.receive((sequence) => data(CT_NEW, sequence, record(1)));
    await pass(19);
    // As of the last time that the node looked.
    expect([1, 2]).toContain(node.node.external.flowExpiresIn(0));
    expect(node.cached('external')).toEqual([1]);
    await pass(2);
    expect(node.cached('external')).toEqual([]);
  });

  it('sends flows again, in ALARM mode', async () => {
    const node = await station({ mode: 'alarm', refreshTime: 3 }).start();
    node.begins(1);
    await pass(20);
    const sent = node.sentRecords();
    expect(sent.length).toBeGreaterThanOrEqual(4);
    expect(new Set(sent)).toEqual(new Set(['NEW 1']));
  });
});

describe('SyncNode: lost events', () => {
  const SMALL = { eventLimit: 4 };
  const beginMany = (node: Station, from: number, to: number) => {
    for (let n = from; n < to; n++) node.begins(n);
  };

  it('doubles the event buffer up to NetlinkBufferSizeMaxGrowth, and warns once', async () => {
    const node = await station({ bufferSizeMaxGrowth: 20_000 }, SMALL).start();
    expect(node.kernel.eventBufferSize).toBe(4096);
    for (let n = 0; n < 5; n++) {
      beginMany(node, 40 * n, 40 * n + 40);
      await soon();
    }
    expect(node.logged()).toEqual([
      '[notice] netlink event socket buffer size has been doubled to 8192 bytes',
      '[notice] netlink event socket buffer size has been doubled to 16384 bytes',
      '[warning] netlink event socket buffer size cannot be doubled further since it will exceed ' +
        'NetlinkBufferSizeMaxGrowth. We are likely to be losing events, this may lead to unsynchronized replicas. ' +
        'Please, consider increasing netlink socket buffer size via NetlinkBufferSize and ' +
        'NetlinkBufferSizeMaxGrowth clauses in conntrackd.conf',
    ]);
    expect(node.node.reader.counters).toMatchObject({ overruns: 5, eventsFailed: 5 });
  });

  it("resynchronises with the kernel's table once no overrun has happened for NetlinkOverrunResync seconds", async () => {
    const node = station({ mode: 'notrack' }, SMALL);
    beginMany(node, 0, 200);
    node.forgetEvents();
    await node.start();
    node.node.recheck!.suspend();
    for (let n = 0; n < 100; n++) node.ends(n);
    beginMany(node, 200, 210);
    await pass(20);
    expect(node.cached('internal').length).toBe(200 - 4);
    node.sentRecords();
    for (let n = 210; n < 230; n++) node.begins(n);
    await pass(29);
    expect(node.node.counters.kernelResyncs).toBe(0);
    node.sentRecords();
    await pass(2);
    expect(node.node.counters.kernelResyncs).toBe(1);
    const live = Array.from({ length: 130 }, (_, n) => n + 100);
    expect(node.cached('internal')).toEqual(live);
    const sent = new Set(node.sentRecords());
    for (let n = 4; n < 100; n++) expect(sent).toContain(`DEL ${n}`);
    for (const n of live) expect(sent.has(`NEW ${n}`) || sent.has(`UPD ${n}`)).toBe(true);
    await pass(60);
    expect(node.node.counters.kernelResyncs).toBe(1);
  });

  it('does not bring back a flow that ends during the resync', async () => {
    const node = station({ mode: 'notrack' }, { eventLimit: 8 });
    beginMany(node, 0, 200);
    node.forgetEvents();
    await node.start();
    beginMany(node, 200, 220);
    await soon();
    await pass(29.9);
    const dumps = vi.spyOn(node.kernel, 'dumpFlows');
    while (dumps.mock.calls.length === 0) await vi.advanceTimersByTimeAsync(1);
    for (const n of [150, 199, 219]) node.ends(n);
    await soon();
    expect(node.cached('internal')).toEqual(
      [...Array(220).keys()].filter((n) => ![150, 199, 219].includes(n)),
    );
    expect(
      node
        .sentRecords()
        .filter((text) => text.endsWith(' 199'))
        .at(-1),
    ).toBe('DEL 199');
  });

  it.each([0, -1])('leaves that to the recheck where NetlinkOverrunResync is %i', async (overrunResync) => {
    const node = await station({ overrunResync }, SMALL).start();
    beginMany(node, 0, 40);
    await pass(1.9);
    expect(node.cached('internal').length).toBeLessThan(40);
    await pass(60);
    expect(node.cached('internal').length).toBe(40);
    expect(node.node.counters.kernelResyncs).toBe(0);
  });

  it('waits for days if NetlinkOverrunResync is that long', async () => {
    const node = await station({ overrunResync: 0x7fff_ffff }, SMALL).start();
    beginMany(node, 0, 40);
    await pass(100);
    expect(node.node.counters.kernelResyncs).toBe(0);
  });

  it('leaves no timer behind when it is closed while it waits', async () => {
    const node = await station({}, SMALL).start();
    beginMany(node, 0, 40);
    await soon();
    node.close();
    await pass(40);
    expect(node.node.counters.kernelResyncs).toBe(0);
  });

  it('keeps running when a resync fails', async () => {
    const node = await station({}, SMALL).start();
    node.node.recheck!.suspend();
    beginMany(node, 0, 40);
    await soon();
    node.logged();
    const dump = vi.spyOn(node.kernel, 'dumpFlows').mockImplementation(() => {
      throw new KernelError('no dump today');
    });
    await pass(31);
    expect(node.logged()).toEqual(["[ERROR] resync with the kernel's table: no dump today"]);
    dump.mockRestore();
    node.begins(200);
    await soon();
    expect(node.cached('internal')).toContain(200);
  });

  it('keeps running when a read fails, and does not read again at once', async () => {
    const node = await station().start();
    const read = vi.spyOn(node.kernel, 'readEvents').mockImplementation(() => {
      throw new KernelError('no events today');
    });
    node.begins(1);
    await soon();
    expect(node.node.reader.counters.eventsFailed).toBe(1);
    expect(node.logged().filter((line) => line.includes('no events today')).length).toBe(1);
    read.mockRestore();
    await pass(2);
    node.begins(2);
    await soon();
    expect(node.cached('internal')).toEqual([1, 2]);
  });
});

describe('SyncNode: polling', () => {
  it('reads the table every PollSecs seconds, and no events', async () => {
    const node = await station({ mode: 'notrack', pollSeconds: 5 }).start();
    node.begins(1);
    await pass(4);
    expect(node.sentRecords()).toEqual([]);
    await pass(1.1);
    expect(node.sentRecords()).toEqual(['NEW 1']);
    node.ends(1);
    node.begins(2);
    await pass(5);
    expect(node.sentRecords().sort()).toEqual(['DEL 1', 'NEW 2']);
    expect(node.cached('internal')).toEqual([2]);
    // As in the C node, a poll is no resync.
    expect(node.node.counters).toMatchObject({ eventsReceived: 0, kernelResyncs: 0 });
  });

  it('keeps running when a dump fails', async () => {
    const node = await station({ mode: 'notrack', pollSeconds: 5 }).start();
    const dump = vi.spyOn(node.kernel, 'dumpFlows').mockImplementation(() => {
      throw new KernelError('no dump today');
    });
    node.begins(1);
    await pass(6);
    expect(node.logged()).toContain("[ERROR] resync with the kernel's table: no dump today");
    dump.mockRestore();
    await pass(5);
    expect(node.sentRecords()).toEqual(['NEW 1']);
  });

  it('does not poll at once if PollSecs is longer than a timer of Node can run', async () => {
    const node = await station({ mode: 'notrack', pollSeconds: 0x7fff_ffff }).start();
    node.begins(1);
    await pass(100);
    expect(node.sentRecords()).toEqual([]);
  });
});

describe('SyncNode without internal cache', () => {
  const BYPASS = { mode: 'notrack', disableInternalCache: true } as const;

  it('sends events at once, keeps nothing, and reads no table at the start', async () => {
    const node = station(BYPASS);
    node.begins(1);
    node.forgetEvents();
    await node.start();
    node.begins(2);
    node.kernel.setState(flow(2).original, { mark: 1 });
    node.ends(1);
    await soon();
    expect(node.sentRecords()).toEqual(['NEW 2', 'UPD 2', 'DEL 1']);
    expect(node.node.replica.internal.flows.table.size).toBe(0);
    expect(node.node.bypass!.flows.counters).toEqual({ created: 1, updated: 1, destroyed: 1 });
  });

  it("sends the kernel's table when the peer asks, a part a turn", async () => {
    const node = station({ ...BYPASS, filter: FILTER });
    for (let n = 0; n < 200; n++) node.begins(n);
    node.forgetEvents();
    await node.start();
    node.logged();
    node.receive(resync);
    await soon();
    const sent = node.sentRecords();
    expect(sent.length).toBe(199);
    expect(sent).not.toContain('NEW 9');
    expect(node.logged()).toEqual(['[notice] resync requested by other node', '[notice] resync requested']);
    expect(node.node.bypass!.flows.counters.created).toBe(0);
  });

  it('sends it once more, a second later, for all requests that arrive meanwhile', async () => {
    const node = station(BYPASS);
    for (let n = 0; n < 200; n++) node.begins(n);
    node.forgetEvents();
    await node.start();
    const dumps = vi.spyOn(node.kernel, 'dumpFlows');
    node.receive(resync);
    // The first dump is under way.
    vi.advanceTimersByTime(0);
    expect(dumps).toHaveBeenCalledTimes(1);
    for (let n = 0; n < 10; n++) {
      node.receive(resync);
      vi.advanceTimersByTime(0);
    }
    await soon();
    expect(dumps).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1000);
    await soon();
    expect(dumps).toHaveBeenCalledTimes(2);
    expect(node.sentRecords().length).toBe(400);
  });

  it('keeps running when that fails', async () => {
    const node = await station(BYPASS).start();
    vi.spyOn(node.kernel, 'dumpFlows').mockImplementation(() => {
      throw new KernelError('no dump today');
    });
    node.receive(resync);
    await soon();
    expect(node.logged()).toContain('[ERROR] bulk: no dump today');
  });

  it('sends nothing more once it is closed', async () => {
    const node = station(BYPASS);
    for (let n = 0; n < 200; n++) node.begins(n);
    node.forgetEvents();
    await node.start();
    node.receive(resync);
    node.close();
    // What the request brought about before that is past.
    expect(node.sent().length).toBeLessThan(200);
    await soon();
    expect(node.sent()).toEqual([]);
  });

  it("shows the kernel's table as it is, but for what the filter ignores", async () => {
    const node = station({ ...BYPASS, filter: FILTER });
    node.begins(1);
    node.begins(9);
    await node.start();
    const lines = [...kernelFlowLines(node.node)];
    expect(lines.length).toBe(1);
    expect(lines[0]).toMatch(
      /^tcp .*src=10\.0\.0\.1 dst=192\.0\.2\.1 sport=40000 dport=443 src=192\.0\.2\.1 .*\n$/,
    );
  });

  it('shows the expectations that it replicates', async () => {
    const node = station({ ...BYPASS, expectationSync: ['ftp'] });
    node.begins(1, { helper: 'ftp' });
    node.begins(2, { helper: 'sip' });
    node.kernel.expect(expectation(1, 'ftp'), 60);
    node.kernel.expect(expectation(2, 'sip'), 60);
    await node.start();
    const lines = [...kernelExpectationLines(node.node)];
    expect(lines.length).toBe(1);
    expect(lines[0]).toContain('dport=2001');
  });

  it('does not poll: it has no cache to compare the table with', async () => {
    const node = station({ ...BYPASS, pollSeconds: 1 });
    node.begins(1);
    await node.start();
    await pass(5);
    expect(node.sentRecords()).toEqual([]);
    expect(node.node.replica.internal.flows.table.size).toBe(0);
  });

  it('has nothing to resync after an overrun', async () => {
    const node = await station(BYPASS, { eventLimit: 4 }).start();
    for (let n = 0; n < 40; n++) node.begins(n);
    await pass(60);
    expect(node.node.reader.counters.overruns).toBe(1);
    expect(node.node.counters.kernelResyncs).toBe(0);
    expect(node.node.replica.internal.flows.table.size).toBe(0);
  });
});

describe('SyncNode without external cache', () => {
  const DIRECT = { disableExternalCache: true } as const;

  it("takes a peer's answer, although nothing follows from it: else each transmission says again that it is there", async () => {
    const node = await station({ ...DIRECT, mode: 'notrack' }).start();
    const { rounds } = node.node.engine;
    const takeAnswers = vi.spyOn(rounds!, 'takeAnswers');
    node.receive((sequence) => alive(sequence));
    node.commands.requestResync();
    await soon();
    const request = node.sent().find(({ flags }) => (flags & Flag.RESYNC) !== 0)!;
    node.receive((sequence) =>
      rangeMessage(Flag.ALIVE | Flag.ANSWERED, sequence, request.range![0], request.range![0]),
    );
    await pass(3);
    expect(takeAnswers.mock.results.map(({ value }) => value.length)).toEqual([1]);
  });

  it('injects what it receives into the kernel at once, and does not send it back', async () => {
    const node = await station(DIRECT).start();
    node.receive((sequence) => data(CT_NEW, sequence, record(1, { mark: 1 })));
    expect(node.has(1)).toBe(true);
    node.receive((sequence) => data(CT_UPD, sequence, record(1, { mark: 2 })));
    expect(node.kernel.lookup(flow(1).original)!.mark).toBe(2);
    node.receive((sequence) => data(CT_DEL, sequence, record(1)));
    expect(node.has(1)).toBe(false);
    await soon();
    expect(node.sentRecords()).toEqual([]);
    expect(node.cached('internal')).toEqual([]);
    expect(node.node.external.injection!.flows.counters).toMatchObject({
      created: 1,
      updated: 1,
      destroyed: 1,
    });
  });

  it('logs what the kernel rejected, and keeps running', async () => {
    const node = await station(DIRECT).start();
    node.logged();
    node.receive((sequence) => data(CT_NEW, sequence, record(1, { helper: 'nosuch' })));
    node.receive((sequence) => data(CT_NEW, sequence, record(2)));
    expect(node.logged()).toEqual(['[warning] could not add new ct entry: Operation not supported']);
    expect(node.has(2)).toBe(true);
  });

  it('keeps running when the kernel does not answer', async () => {
    const node = await station(DIRECT).start();
    node.logged();
    const run = vi.spyOn(node.kernel, 'run').mockImplementation(() => {
      throw new KernelError('no answer today');
    });
    node.receive((sequence) => data(CT_NEW, sequence, record(1)));
    expect(node.logged().length).toBe(1);
    run.mockRestore();
    node.receive((sequence) => data(CT_NEW, sequence, record(2)));
    expect(node.has(2)).toBe(true);
  });
});

describe('SyncNode: expectations', () => {
  /** A node whose kernel has an FTP and a SIP flow, with an expectation of each. */
  async function withTwo(expectationSync: boolean | readonly string[]): Promise<Station> {
    const node = station({ expectationSync, mode: 'notrack' }, { expectations: true });
    await node.start();
    node.begins(1, { helper: 'ftp' });
    node.begins(2, { helper: 'sip' });
    await soon();
    node.sent();
    node.kernel.expect(expectation(1, 'ftp'), 60);
    node.kernel.expect(expectation(2, 'sip'), 60);
    await soon();
    return node;
  }

  it('sends all of them with ExpectationSync on', async () => {
    const node = await withTwo(true);
    expect(node.sent().map(describeMessage)).toEqual(['EXP NEW', 'EXP NEW']);
    expect(node.node.replica.internal.expectations.counters.active).toBe(2);
  });

  it('sends those of the helpers named', async () => {
    const node = await withTwo(['ftp', 'h.323']);
    expect(node.sent().map(describeMessage)).toEqual(['EXP NEW']);
    expect(node.node.counters.eventsFiltered).toBe(1);
  });

  it('sends none without ExpectationSync', async () => {
    const node = await withTwo(false);
    expect(node.sent()).toEqual([]);
    expect(node.node.replica.internal.expectations.table.size).toBe(0);
  });

  describe('a flow whose sequence numbers a helper shifts', () => {
    const shift = { position: 7, offsetBefore: 0, offsetAfter: 3 };
    const unshifted = { position: 0, offsetBefore: 0, offsetAfter: 0 };
    const shifted = {
      status: Status.CONFIRMED | Status.SEEN_REPLY | Status.SEQ_ADJUST,
      sequenceAdjustment: { original: shift, reply: unshifted },
    };
    const translated = (n: number): Expectation => {
      const plain = expectation(n, 'ftp');
      return {
        ...plain,
        nat: { direction: 1, tuple: { ...plain.expected, ports: { source: 5001, destination: 0 } } },
      };
    };

    async function rewritten(of: Expectation): Promise<Station> {
      const node = await station({ expectationSync: true }, { expectations: true }).start();
      for (const n of [1, 2]) node.begins(n, { helper: 'ftp' });
      await soon();
      node.kernel.setState(node.flowOf(1).original, shifted);
      node.forgetEvents();
      node.sent();
      node.kernel.expect(of, 60);
      await pass(1);
      return node;
    }

    it('is sent with the shift, which no event reports, after a translated expectation', async () => {
      const node = await rewritten(translated(1));
      const flows = node
        .sent()
        .filter(({ type }) => type === MessageType.CT_UPD)
        .map(({ record: text }) => {
          const bytes = Buffer.from(text!, 'hex');
          return decodeFlow(bytes, 0, bytes.length);
        });
      const { sequenceAdjustment } = shifted;
      expect(flows).toMatchObject([{ original: node.flowOf(1).original, sequenceAdjustment }]);
      expect(flows[0]!.status! & Status.SEQ_ADJUST).toBe(Status.SEQ_ADJUST);
    });

    it('is not looked for without a translation', async () => {
      const node = await rewritten(expectation(1, 'ftp'));
      const sent = node.sent().map(({ type }) => type);
      expect(sent).toContain(MessageType.EXP_NEW);
      expect(sent).not.toContain(MessageType.CT_UPD);
    });

    it('is read once in 2 s, however many expectations come', async () => {
      const node = await rewritten(translated(1));
      const dumps = vi.spyOn(node.kernel, 'dumpShiftedFlows');
      for (let n = 0; n < 100; n++) {
        node.kernel.expect(
          {
            ...translated(2),
            expected: { ...translated(2).expected, ports: { source: 0, destination: 6000 + n } },
          },
          60,
        );
        await pass(0.1);
      }
      expect(dumps.mock.calls.length).toBeGreaterThanOrEqual(4);
      expect(dumps.mock.calls.length).toBeLessThanOrEqual(6);
    });
  });

  it('sends none whose master flow it does not replicate', async () => {
    const node = await station({ expectationSync: true, mode: 'notrack', filter: FILTER }).start();
    node.begins(9, { helper: 'ftp' });
    node.kernel.expect(expectation(9, 'ftp'), 60);
    await soon();
    expect(node.sent()).toEqual([]);
  });

  it('sends their end before that of their master', async () => {
    const node = await withTwo(true);
    node.sent();
    node.ends(1);
    await soon();
    expect(node.sent().map(describeMessage).sort()).toEqual(['DEL', 'EXP DEL']);
    expect(node.node.replica.internal.expectations.counters.active).toBe(1);
  });

  it('forgets one that ends when its master is forgotten already', async () => {
    const node = await withTwo(true);
    node.sent();
    node.node.replica.cached.flows.flush();
    node.ends(1);
    await soon();
    expect(node.node.replica.internal.expectations.counters.active).toBe(1);
    expect(node.sent().map(describeMessage)).toEqual(['EXP DEL']);
  });

  it('reads those that are there at the start', async () => {
    const node = station({ expectationSync: true });
    node.begins(1, { helper: 'ftp' });
    node.kernel.expect(expectation(1, 'ftp'), 60);
    node.forgetEvents();
    await node.start();
    expect(node.node.replica.internal.expectations.counters.active).toBe(1);
    expect(node.sent()).toEqual([]);
  });

  it('stores those of the peer', async () => {
    const node = await station({ expectationSync: true }).start();
    node.receive((sequence) => data(EXP_NEW, sequence, encodeExpectation(expectation(1, 'ftp'))));
    expect(node.node.external.caches!.expectations.counters.active).toBe(1);
  });
});

describe('SyncNode: malformed messages of peers', () => {
  it('are logged with the place and what was expected, at most once a minute', async () => {
    const node = await station().start();
    node.logged();
    const cut = (sequence: number) => data(CT_NEW, sequence, record(1).subarray(0, 6));
    node.receive(cut);
    expect(node.logged()).toEqual([
      '[warning] ignored 1 malformed message of peers; the first: CT_NEW seq=1: attribute 0 at byte 8: its length is 12 bytes, and 6 are there',
    ]);
    node.receiveDatagram(Uint8Array.of(0x10, 0));
    node.receive(cut);
    expect(node.logged()).toEqual([]);
    await pass(60_000);
    node.logged();
    node.receive((sequence) => Uint8Array.of(0x20, ...alive(sequence).subarray(1)));
    expect(node.logged()).toEqual([
      '[warning] ignored 3 malformed messages of peers; the first: 2 bytes, a header has 8',
    ]);
    expect(node.node.replica.counters).toMatchObject({
      malformed: 4,
      badPayload: 2,
      truncated: 1,
      badVersion: 1,
    });
  });
});
