import type {
  CacheStatistics,
  LinkStatistics,
  NetworkStatistics,
  QueuesStatistics,
  ResendEntry,
  ResendQueueStatistics,
  RuntimeStatistics,
  SyncSnapshot,
} from '../control/snapshot.ts';
import type { FtFw } from '../sync/ftfw.ts';
import { Item } from '../sync/message-queues.ts';
import type { Cache } from '../table/cache.ts';
import type { SyncNode } from './sync-node.ts';

function cacheStatistics(name: string, { counters, table }: Cache): CacheStatistics {
  return {
    kind: 'cache',
    name,
    objects: table.size,
    active: counters.active,
    entries: table.size,
    created: counters.created,
    createFailed: counters.createFailed,
    createNoMemory: 0,
    createNoSpace: counters.createFailedFull,
    updated: counters.updated,
    updateFailed: counters.updateFailed,
    updateNotFound: 0,
    destroyed: counters.destroyed,
    destroyFailed: counters.destroyFailed,
    destroyNotFound: 0,
  };
}

function networkStatistics({ replica, engine }: SyncNode): NetworkStatistics {
  return {
    ...replica.counters,
    sendMalformed: 0,
    lost: engine.counters.lost,
    before: engine.counters.behind,
  };
}

/** C's words for an endless queue. */
const ENDLESS = 0x7fff_ffff;

function queuesStatistics({ queues }: FtFw): QueuesStatistics {
  return {
    nodes: queues.controlNodes,
    queues: [
      { name: 'txqueue', elements: queues.transmitLength, maximum: ENDLESS, noSpace: 0 },
      { name: 'errorq', elements: 0, maximum: 128, noSpace: 0 },
      {
        name: 'rsqueue',
        elements: queues.resendLength,
        maximum: queues.resendLimit,
        noSpace: queues.evictions,
      },
    ],
  };
}

function* resendEntries({ queues }: FtFw): Generator<ResendEntry> {
  for (let node = queues.firstResend(); node !== 0; node = queues.nextResend(node)) {
    const sequence = queues.sequenceOf(node);
    yield queues.itemOf(node) === Item.CONTROL
      ? { kind: 'control', sequence, flags: queues.flagsOf(node) }
      : { kind: 'object', sequence };
  }
}

function resendQueueStatistics(engine: FtFw): ResendQueueStatistics {
  return { length: engine.queues.resendLength, entries: [...resendEntries(engine)] };
}

/** What a node that synchronises can say of itself now. `runtime` and `links` are the daemon's part of it. */
export function syncSnapshot(
  node: SyncNode,
  runtime: RuntimeStatistics,
  links: readonly LinkStatistics[],
  withExpectations: boolean,
): SyncSnapshot {
  const { internal } = node.replica;
  const { external, engine, counters } = node;
  const snapshot = {
    mode: 'sync',
    runtime,
    processes: [],
    traffic: { bytes: counters.trafficBytes, packets: counters.trafficPackets },
    flows: {
      internal: cacheStatistics('internal', internal.flows),
      external: cacheStatistics('external', external.flows),
    },
    links,
    network: networkStatistics(node),
    queues: queuesStatistics(engine),
    resendQueue: resendQueueStatistics(engine),
  } satisfies SyncSnapshot;
  if (!withExpectations) return snapshot;
  return {
    ...snapshot,
    expectations: {
      internal: cacheStatistics('internal', internal.expectations),
      external: cacheStatistics('external', external.expectations),
    },
  };
}
