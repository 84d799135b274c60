import { describe, expect, it, vi } from 'vitest';
import { RECHECK_INTERVAL_MAX_S } from '../../src/daemon/common/recheck-schedule.ts';
import { Status } from '../../src/flow/status.ts';
import { join, pass, type Station, soon, watchedStations } from './station.ts';

const station = watchedStations();

/** An event buffer that overruns, whose owner wants no resync. */
const NO_RESYNC = { overrunResync: -1, bufferSizeMaxGrowth: 0 };
const SMALL = { eventLimit: 4 };

describe('a cache that no event keeps right', () => {
  it('loses a flow that ended without an event, and sends its end to the peer, within ten minutes', async () => {
    const node = station();
    for (let n = 0; n < 100; n++) node.begins(n);
    node.forgetEvents();
    await node.start();
    await pass(3000);
    node.sentRecords();
    node.ends(7);
    // As with nf_conntrack_events=2, of a flow that began while nobody listened.
    node.forgetEvents();
    await pass(RECHECK_INTERVAL_MAX_S + 2);
    expect(node.cached('internal')).not.toContain(7);
    expect(node.sentRecords()).toEqual(['DEL 7']);
    expect(node.node.recheck?.counters).toMatchObject({ changed: 0, gone: 1 });
    expect(node.logged().some((line) => line.includes('0 entries had changed and 1 had ended'))).toBe(true);
  });

  it('takes a change and a new flow that caused no event, and sends nothing else', async () => {
    const node = station();
    for (let n = 0; n < 100; n++) node.begins(n);
    node.forgetEvents();
    await node.start();
    node.kernel.setState(node.flowOf(3).original, { tcp: { state: 5 } });
    node.begins(200);
    node.forgetEvents();
    await pass(62);
    expect(node.sentRecords()).toEqual(['UPD 3', 'NEW 200']);
  });

  it('takes a flow with another translation for another flow, whose beginning was lost', async () => {
    const node = station();
    node.begins(3, {
      status: Status.SRC_NAT | Status.CONFIRMED,
      sourceNat: { address: '203.0.113.1', port: 4000 },
    });
    node.forgetEvents();
    await node.start();
    node.ends(3);
    node.begins(3, { status: Status.CONFIRMED });
    node.forgetEvents();
    await pass(62);
    expect(node.sentRecords()).toEqual(['NEW 3']);
  });

  it('does not bring the dead back to life with a commit', async () => {
    const primary = station();
    const backup = station();
    join(primary, backup);
    for (let n = 0; n < 10; n++) primary.begins(n);
    primary.forgetEvents();
    await Promise.all([primary.start(), backup.start()]);
    primary.node.engine.sendBulk();
    primary.node.scheduleTransmit();
    await soon();
    primary.ends(4);
    primary.forgetEvents();
    await pass(62);
    await Promise.all([backup.commands.commit('all'), soon()]);
    expect(backup.has(3)).toBe(true);
    expect(backup.has(4)).toBe(false);
  });

  it('is looked at after an overrun, though NetlinkOverrunResync is off', async () => {
    const node = await station(NO_RESYNC, SMALL).start();
    await pass(3000);
    for (let n = 0; n < 40; n++) node.begins(n);
    await soon();
    expect(node.cached('internal').length).toBeLessThan(40);
    await pass(3);
    expect(node.cached('internal').length).toBe(40);
    for (let n = 0; n < 39; n++) node.ends(n);
    await soon();
    expect(node.cached('internal').length).toBeGreaterThan(1);
    await pass(5);
    expect(node.cached('internal')).toEqual([39]);
    expect(node.node.counters.kernelResyncs).toBe(0);
  });

  /** Overruns every so many seconds for some time. Returns the seconds at which the cache was compared. */
  async function comparisons(node: Station, everyS: number, seconds: number): Promise<number[]> {
    const at: number[] = [];
    for (let second = 1; second <= seconds; second++) {
      if (second % everyS === 1 || everyS === 1) for (let n = 0; n < 20; n++) node.begins(flows++);
      const before = node.node.recheck!.counters.comparisons;
      await pass(1);
      if (node.node.recheck!.counters.comparisons > before) at.push(second);
    }
    return at;
  }
  let flows = 0;

  it('is looked at once in a minute while there are overruns', async () => {
    const node = await station(NO_RESYNC, SMALL).start();
    await pass(3000);
    const at = await comparisons(node, 1, 200);
    expect(at).toHaveLength(3);
    for (const [n, second] of at.entries()) expect(Math.abs(second - 60 * (n + 1))).toBeLessThanOrEqual(3);
  });

  it('is looked at 2 s after an overrun, and ever less often where that happens again and again', async () => {
    const node = await station(NO_RESYNC, SMALL).start();
    await pass(3000);
    const at = await comparisons(node, 4, 250);
    const pauses = at.slice(1).map((second, n) => second - at[n]!);
    expect(at[0]).toBe(2);
    for (const [n, pause] of pauses.entries())
      expect(Math.abs(pause - Math.min(2 ** (n + 2), 60))).toBeLessThanOrEqual(4);
    await pass(200);
    expect(await comparisons(node, 100, 10)).toEqual([2]);
  });

  it('is left to the resync with the kernel where that comes soon', async () => {
    const node = await station({ ...NO_RESYNC, overrunResync: 5 }, SMALL).start();
    await pass(3000);
    const before = node.node.recheck!.counters.comparisons;
    for (let n = 0; n < 40; n++) node.begins(n);
    await pass(20);
    expect(node.node.recheck!.counters.comparisons).toBe(before);
    expect(node.node.counters.kernelResyncs).toBe(1);
    expect(node.cached('internal').length).toBe(40);
  });
});

describe('a recheck', () => {
  it('does not take what the peer injected for our own', async () => {
    const node = await station({ disableExternalCache: true }).start();
    node.begins(1);
    await soon();
    node.begins(2);
    node.forgetEvents();
    node.sentRecords();
    await pass(62);
    expect(node.cached('internal')).toEqual([1]);
    expect(node.sentRecords()).toEqual([]);
  });

  it('leaves a change alone that an event reported while the dump was read', async () => {
    const node = station();
    for (let n = 0; n < 250; n++) node.begins(n);
    node.forgetEvents();
    await node.start();
    node.kernel.setState(node.flowOf(249).original, { mark: 1 });
    node.forgetEvents();
    // The dump is a snapshot of the beginning, with the mark 1.
    const dumps = vi.spyOn(node.kernel, 'dumpFlows');
    while (dumps.mock.calls.length === 0) await vi.advanceTimersByTimeAsync(1);
    node.kernel.setState(node.flowOf(249).original, { mark: 2 });
    await pass(2);
    const { table } = node.node.replica.internal.flows;
    expect(node.markOf(249, table)).toBe(2);
    expect(node.sentRecords()).toEqual(['UPD 249']);
  });

  it('gives up for a resync, whose dump is newer', async () => {
    const node = station();
    for (let n = 0; n < 250; n++) node.begins(n);
    node.forgetEvents();
    await node.start();
    const dumps = vi.spyOn(node.kernel, 'dumpFlows');
    while (dumps.mock.calls.length === 0) await vi.advanceTimersByTimeAsync(1);
    // Events were lost after the recheck's dump began, which still shows the flow.
    node.ends(249);
    node.forgetEvents();
    node.node.resync!.requestAudit();
    await pass(2);
    expect(node.cached('internal')).not.toContain(249);
    expect(node.sentRecords()).toContain('DEL 249');
  });

  it('waits for a commit that is under way', async () => {
    const node = await station().start();
    node.node.recheck?.suspend();
    await pass(62);
    expect(node.node.recheck?.counters.comparisons).toBe(0);
    node.node.recheck?.resume();
    await pass(122);
    expect(node.node.recheck?.counters.comparisons).toBe(1);
  });

  it('happens after 1, 3, 7, 15 minutes, and then every 10', async () => {
    const node = await station().start();
    const at: number[] = [];
    for (let minute = 1; minute <= 40; minute++) {
      const before = node.node.recheck!.counters.comparisons;
      await pass(60.2);
      if (node.node.recheck!.counters.comparisons > before) at.push(minute);
    }
    expect(at).toEqual([1, 3, 7, 15, 25, 35]);
  });
});
