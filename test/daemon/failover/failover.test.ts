import { describe, expect, it, vi } from 'vitest';
import { data } from '../../../sim/fuzz/messages.ts';
import { Failover } from '../../../src/daemon/failover/failover.ts';
import { KernelError } from '../../../src/kernel/kernel.ts';
import { MessageType } from '../../../src/wire/header.ts';
import { record } from '../../table/records.ts';
import { type Station, soon, watchedStations } from '../station.ts';

const opened = watchedStations();

/** A backup that knows of three flows of its peer's. */
async function backup(...options: ConstructorParameters<typeof Station>) {
  const station = await opened(...options).start();
  for (let n = 0; n < 3; n++) {
    station.receive((sequence) => data(MessageType.CT_NEW, sequence, record(n)));
  }
  station.logged();
  const { node, commands } = station;
  const settings = { keepalivedFifo: undefined, source: undefined, guard: undefined };
  return { station, failover: new Failover(settings, commands, node.log, node.runtime.now) };
}

async function done<T>(work: Promise<T>): Promise<T> {
  await soon();
  return work;
}

function fails(station: Station, method: 'run' | 'dumpFlows', error: Error) {
  return vi.spyOn(station.kernel, method).mockImplementation(() => {
    throw error;
  });
}

describe('a change to primary', () => {
  it('does all that a script does', async () => {
    const { station, failover } = await backup();
    expect(await done(failover.request('primary', 'command'))).toEqual({ kind: 'entered' });
    expect(station.kernel.size).toBe(3);
    expect(station.cached('external')).toEqual([]);
    expect(failover.state).toMatchObject({ lastCommit: { committed: 3 }, shortfall: undefined });
    expect(await done(failover.request('primary', 'command'))).toEqual({ kind: 'entered' });
    expect(failover.state.changes).toBe(1);
  });

  it('keeps what could not be committed, says so, and commits it when it is asked for again', async () => {
    const { station, failover } = await backup();
    const run = fails(station, 'run', new KernelError('no answer today'));
    const shortfall = "the commit did not come to its end; see the daemon's log";
    expect(await done(failover.request('primary', 'keepalived'))).toEqual({ kind: 'incomplete', shortfall });
    expect(station.cached('external')).toEqual([0, 1, 2]);
    expect(failover.state).toMatchObject({ role: 'primary', shortfall, isChanging: false });
    expect(station.logged()).toContain(`[ERROR] primary, but not all is done: ${shortfall}`);

    run.mockRestore();
    expect(await done(failover.request('primary', 'keepalived'))).toEqual({ kind: 'entered' });
    expect(station.kernel.size).toBe(3);
    expect(station.cached('external')).toEqual([]);
    expect(failover.state).toMatchObject({ shortfall: undefined, changes: 2 });
  });

  it('counts what the kernel refused, and tries it again', async () => {
    const { station, failover } = await backup({}, { limit: 2 });
    const shortfall = '1 entries could not be committed';
    expect(await done(failover.request('primary', 'command'))).toEqual({ kind: 'incomplete', shortfall });
    station.ends(0);
    expect(await done(failover.request('primary', 'command'))).toMatchObject({ kind: 'incomplete' });
    expect(failover.state.changes).toBe(2);
  });

  it("is not all done where the kernel's table could not be read", async () => {
    const { station, failover } = await backup();
    const dump = fails(station, 'dumpFlows', new KernelError('no dump today'));
    const shortfall = "the kernel's table could not be read; see the daemon's log";
    expect(await done(failover.request('primary', 'command'))).toEqual({ kind: 'incomplete', shortfall });
    dump.mockRestore();
    expect(await done(failover.request('primary', 'command'))).toEqual({ kind: 'entered' });
  });

  it('is not stopped by a commit of a script that fails meanwhile', async () => {
    const { station, failover } = await backup();
    vi.spyOn(station.kernel, 'run').mockImplementationOnce(() => {
      throw new Error('a bug');
    });
    const script = station.commands.commit('all');
    const change = failover.request('primary', 'command');
    await expect(script).rejects.toThrow('a bug');
    expect(await done(change)).toEqual({ kind: 'entered' });
  });
});
