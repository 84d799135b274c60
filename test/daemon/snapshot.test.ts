import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ack, data } from '../../sim/fuzz/messages.ts';
import type { SyncSnapshot } from '../../src/control/snapshot.ts';
import { type DaemonStatistics, syncSnapshot } from '../../src/daemon/sync/snapshot.ts';
import { Flag, MessageType } from '../../src/wire/header.ts';
import { FTFW, RUNTIME } from '../control/snapshot.ts';
import { record } from '../table/records.ts';
import { Station, soon } from './station.ts';

const { CT_NEW, CT_UPD, CT_DEL } = MessageType;

let stations: Station[] = [];

async function station(...options: ConstructorParameters<typeof Station>): Promise<Station> {
  const one = new Station(...options);
  stations.push(one);
  return one.start();
}

beforeEach(() => {
  vi.useFakeTimers();
  stations = [];
});

afterEach(() => {
  for (const one of stations) one.close();
  vi.useRealTimers();
});

const AROUND: DaemonStatistics = {
  replication: FTFW.replication,
  runtime: RUNTIME,
  role: undefined,
  links: [],
  helpers: undefined,
  linkQueue: { length: 3, limit: 128, dropped: 7 },
};

function snapshot(node: Station): SyncSnapshot {
  return syncSnapshot(node.node, AROUND);
}

describe('syncSnapshot', () => {
  it('reports the contents and the counters of the caches', async () => {
    const node = await station({ hashLimit: 3 });
    for (let n = 0; n < 4; n++) node.begins(n);
    await soon();
    node.ends(0);
    await soon();
    node.receive((sequence) => data(CT_NEW, sequence, record(1)));
    node.receive((sequence) => data(CT_UPD, sequence, record(1)));
    node.receive((sequence) => data(CT_NEW, sequence, record(2)));
    node.receive((sequence) => data(CT_DEL, sequence, record(2)));
    const { internal, external } = snapshot(node).flows;
    // The record of the flow that ended is kept for the peer.
    expect(internal).toMatchObject({
      kind: 'cache',
      name: 'internal',
      objects: 3,
      active: 2,
      entries: 3,
      created: 3,
      createFailed: 1,
      createNoSpace: 1,
      destroyed: 1,
    });
    expect(external).toMatchObject({
      kind: 'cache',
      name: 'external',
      objects: 1,
      active: 1,
      created: 2,
      updated: 1,
      destroyed: 1,
    });
  });

  it('reports expectations if they are replicated', async () => {
    expect(snapshot(await station()).expectations).toBeUndefined();
    expect(snapshot(await station({ expectationSync: true })).expectations).toMatchObject({
      internal: { name: 'internal', active: 0 },
      external: { name: 'external', active: 0 },
    });
  });

  it('reports the bypass and the injection that replace disabled caches', async () => {
    const node = await station({ mode: 'notrack', disableInternalCache: true, disableExternalCache: true });
    node.begins(1);
    await soon();
    node.receive((sequence) => data(CT_NEW, sequence, record(2)));
    expect(snapshot(node).flows).toEqual({
      internal: { kind: 'bypass', created: 1, updated: 0, destroyed: 0 },
      external: {
        kind: 'inject',
        created: 1,
        createFailed: 0,
        updated: 0,
        updateFailed: 0,
        destroyed: 0,
        destroyFailed: 0,
      },
    });
  });

  it('reports malformed and missing messages', async () => {
    const node = await station();
    node.receiveDatagram(data(CT_NEW, 10, record(1)));
    node.receiveDatagram(data(CT_NEW, 15, record(2)));
    node.receiveDatagram(data(CT_NEW, 12, record(3)));
    node.receiveDatagram(ack(16, 5, 4));
    const unsent = Math.floor(Date.now() / 1000) + 1000;
    node.receiveDatagram(ack(16, unsent, unsent));
    node.receiveDatagram(Uint8Array.of(1, 2, 3));
    expect(snapshot(node).network).toMatchObject({
      unfoundedAcks: 1,
      falseHellos: 0,
      malformed: 2,
      badHeader: 1,
      truncated: 1,
      lost: 4,
      before: 1,
      sendMalformed: 0,
    });
  });

  it('lists the queues as the C node does, the resend queue in FT-FW mode alone', async () => {
    const node = await station({ resendQueueSize: 2 });
    for (let n = 0; n < 3; n++) node.begins(n);
    await soon();
    expect(snapshot(node).queues).toEqual({
      nodes: 0,
      queues: [
        { name: 'txqueue', elements: 0, maximum: 0x7fff_ffff, noSpace: 0 },
        { name: 'errorq', elements: 3, maximum: 128, noSpace: 7 },
        { name: 'rsqueue', elements: 2, maximum: 2, noSpace: 1 },
      ],
    });
    const plain = snapshot(await station({ mode: 'notrack' }));
    expect(plain.queues.queues.map(({ name }) => name)).toEqual(['txqueue', 'errorq']);
    expect(plain.resendQueue).toBeUndefined();
  });

  it('lists the resend queue in its order', async () => {
    const node = await station();
    node.begins(1);
    await soon();
    node.commands.requestResync();
    await soon();
    const { resendQueue, queues } = snapshot(node);
    const entries = [...resendQueue!.entries];
    expect(entries).toMatchObject([{ kind: 'object' }, { kind: 'control', flags: Flag.RESYNC }]);
    expect(entries[1]!.sequence).toBe(entries[0]!.sequence + 1);
    expect(resendQueue!.length).toBe(2);
    expect(queues.nodes).toBe(1);
  });

  it("reports the traffic, and copies the daemon's part", async () => {
    const node = await station();
    const taken = snapshot(node);
    expect(taken.traffic).toEqual({ bytes: 0, packets: 0 });
    expect(taken.runtime).toBe(RUNTIME);
    expect([taken.mode, taken.links, taken.processes]).toEqual(['sync', [], []]);
  });
});
