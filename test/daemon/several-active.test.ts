import { describe, expect, it, vi } from 'vitest';
import { ack, alive, data } from '../../sim/fuzz/messages.ts';
import { syncSnapshot } from '../../src/daemon/sync/snapshot.ts';
import { Flag, MessageType } from '../../src/wire/header.ts';
import { FTFW, RUNTIME } from '../control/snapshot.ts';
import { record } from '../table/records.ts';
import { pass, type Station, soon, watchedStations } from './station.ts';

const station = watchedStations();

const SEVERAL = { disableExternalCache: true, severalActive: true } as const;

/** A node with flows 0 to 9, of which its peers know. */
async function settled(): Promise<Station> {
  const node = await station(SEVERAL, { timeout: true }).start();
  node.receive((sequence) => alive(sequence, Flag.HELLO));
  await pass(2);
  for (let n = 0; n < 10; n++) node.begins(n);
  await soon();
  const last = node.sent().at(-1)!.sequence;
  node.receive((sequence) => ack(sequence, last - 20, last));
  await pass(2);
  node.sent();
  return node;
}

describe('a node with several active peers', () => {
  it('sends what its kernel changes, and keeps ends to itself', async () => {
    const node = await settled();
    node.kernel.setState(node.flowOf(3).original, { mark: 9 });
    node.ends(4);
    await soon();
    expect(node.sentRecords()).toEqual(['UPD 3']);
    expect(node.cached('internal')).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9]);
  });

  it('does not send what it put into its kernel for a peer', async () => {
    const node = await settled();
    node.receive((sequence) => data(MessageType.CT_NEW, sequence, record(20, { timeout: 600 })));
    await pass(2);
    expect(node.has(20)).toBe(true);
    expect(node.cached('internal')).toContain(20);
    expect(node.sentRecords()).toEqual([]);
  });

  it('finds with the next look, within 5 s, what no event told', async () => {
    const node = await settled();
    node.begins(20);
    node.ends(4);
    node.forgetEvents();
    await pass(6);
    expect(node.sentRecords()).toEqual(['UPD 20']);
    expect(node.cached('internal')).not.toContain(4);
    expect(node.node.recheck!.counters).toMatchObject({ changed: 1, gone: 1 });
  });

  it('sends after lost events what they said, and no more', async () => {
    const node = await settled();
    node.begins(20);
    node.ends(4);
    node.forgetEvents();
    node.node.resync!.requestAudit();
    await soon();
    expect(node.sentRecords()).toEqual(['UPD 20']);
    expect(node.cached('internal')).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9, 20]);
  });

  it("counts what it made of its peers' records and of its table", async () => {
    const node = await settled();
    const { lookedAt } = node.node.shared!.counters;
    const bytes = record(20, { timeout: 600 });
    for (const type of [MessageType.CT_NEW, MessageType.CT_UPD, MessageType.CT_DEL])
      node.receive((sequence) => data(type, sequence, bytes));
    await pass(5);
    const { sharedFlows } = syncSnapshot(node.node, {
      ...{ runtime: RUNTIME, role: undefined, links: [], helpers: undefined, replication: FTFW.replication },
      linkQueue: { length: 0, limit: 128, dropped: 0 },
    });
    expect(sharedFlows).toEqual({
      ...{ adopted: 1, known: 1, conflicts: 0, endsIgnored: 1 },
      ...{ lookedAt: lookedAt + 11, renewed: 0, restored: 0 },
    });
  });

  it('reads its table again without sending it', async () => {
    const node = await settled();
    await node.commands.flushInternal('flows');
    expect(node.cached('internal')).toEqual([]);
    const read = node.commands.resyncWithKernel('flows');
    await soon();
    expect(await read).toBe(true);
    expect(node.cached('internal')).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(node.sentRecords()).toEqual([]);
  });

  it('takes the end of an answer for no reason to remove anything', async () => {
    const node = await settled();
    node.receive((sequence) => data(MessageType.CT_NEW, sequence, record(20, { timeout: 600 })));
    const takeAnswers = vi.spyOn(node.node.engine.rounds!, 'takeAnswers');
    node.commands.requestResync();
    await soon();
    const { sequence } = node.sent().find(({ flags }) => (flags & Flag.RESYNC) !== 0)!;
    node.receive((next) => ack(next, sequence, sequence, Flag.TELLS_ANSWERED | Flag.ANSWERED));
    for (let n = 0; n < 4; n++) {
      await pass(0.6);
      node.receive((next) => alive(next));
    }
    expect(takeAnswers.mock.results.map(({ value }) => value.length)).toEqual([1]);
    expect(node.has(3)).toBe(true);
    expect(node.has(20)).toBe(true);
  });
});
