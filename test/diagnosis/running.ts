/** Statistics of a daemon with which all is well, for tests to change. */

import type { CacheFigures, SidesFigures } from '../../src/control/node-figures.ts';
import type { ReplicationStatistics } from '../../src/control/replication.ts';
import type { LinkStatistics, NetworkStatistics } from '../../src/control/snapshot.ts';
import type { DaemonFact } from '../../src/facts/daemon/daemon-fact.ts';

export function sides(internal: number, external: number): SidesFigures {
  const cache = (name: string, active: number): CacheFigures => ({ kind: 'cache', name, active });
  return { internal: cache('internal', internal), external: cache('external', external) };
}

export function link(changed: Partial<LinkStatistics> = {}): LinkStatistics {
  return {
    transport: 'UDP',
    device: 'eth1',
    status: 'RUNNING',
    active: true,
    bytesSent: 1,
    bytesReceived: 1,
    packetsSent: 500,
    packetsReceived: 500,
    errorsSent: 0,
    errorsReceived: 0,
    refused: {},
    ...changed,
  };
}

export const NETWORK: Partial<NetworkStatistics> = {
  lost: 0,
  malformed: 0,
  peer: {
    ...{ old: false, recognised: false },
    ...{ natInOrder: 0, natReversed: 0, withoutPorts: 0, zonesUnknown: 0 },
  },
};

/** A peer that was heard so long ago. */
export function heard(lastHeardMs: number): ReplicationStatistics {
  return {
    ...{ inSync: true, flows: 1000, peers: 1, silentPeers: 0, lastHeardMs },
    ...{ waiting: 0, unacknowledged: 0, droppedFromResendQueue: 0, droppedDead: 0 },
    comparisons: { equal: 0, different: 0 },
  };
}

/** As a C node tells it. */
export const C_NODE: DaemonFact = {
  mode: 'sync',
  flows: sides(1000, 20),
  runtime: { overruns: 0, eventsFailed: 0, bufferSize: 1 },
  network: { lost: 0, malformed: 0 },
  links: [link()],
  receivedInSample: 6,
};

export const OURS: DaemonFact = {
  ...C_NODE,
  runtime: { ...C_NODE.runtime, uptime: 4000 },
  network: NETWORK,
  replication: heard(800),
};
