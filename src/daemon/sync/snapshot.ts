import type { HelpersStatistics } from '../../control/helpers.ts';
import type { ReplicationStatistics } from '../../control/replication.ts';
import type { RoleStatistics } from '../../control/role.ts';
import type {
  LinkStatistics,
  NetworkStatistics,
  PeerStatistics,
  QueueStatistics,
  QueuesStatistics,
  ResendEntry,
  ResendQueueStatistics,
  RuntimeStatistics,
  SidesStatistics,
  SyncSnapshot,
} from '../../control/snapshot.ts';
import type { Injection } from '../../kernel/apply/injection.ts';
import type { SyncEngine } from '../../sync/engine.ts';
import { QueueItem } from '../../sync/message-queues.ts';
import { cacheStatistics } from '../common/cache-statistics.ts';
import type { SyncNode } from './sync-node.ts';

function peerStatistics({ dialect }: SyncNode): PeerStatistics {
  const { version, isRecognised, counters } = dialect;
  return {
    ...(version && { version: version.name }),
    old: version?.isOld === true,
    recognised: isRecognised,
    ...counters,
  };
}

function networkStatistics(node: SyncNode): NetworkStatistics {
  const { replica, engine } = node;
  return {
    ...replica.counters,
    sendMalformed: 0,
    lost: engine.counters.lost,
    before: engine.counters.stale,
    unfoundedAcks: engine.counters.unfoundedAcks,
    falseHellos: engine.counters.falseHellos,
    peer: peerStatistics(node),
  };
}

/** What C prints for an unlimited queue. */
const UNLIMITED = 0x7fff_ffff;

/** Lists the newest queue first, as the C node does. */
function queuesStatistics({ queues, isReliable }: SyncEngine, links: LinkQueue): QueuesStatistics {
  const listed: QueueStatistics[] = [
    { name: 'txqueue', elements: queues.transmitLength, maximum: UNLIMITED, noSpace: queues.refusals },
    { name: 'errorq', elements: links.length, maximum: links.limit, noSpace: links.dropped },
  ];
  if (isReliable) {
    const { resendLength: elements, resendLimit: maximum, evictions: noSpace } = queues;
    listed.push({ name: 'rsqueue', elements, maximum, noSpace });
  }
  return { nodes: queues.controlNodes, queues: listed };
}

function* resendEntries({ queues }: SyncEngine): Generator<ResendEntry> {
  for (let node = queues.firstResend(); node !== 0; node = queues.nextResend(node)) {
    const sequence = queues.sequenceOf(node);
    yield queues.itemOf(node) === QueueItem.CONTROL
      ? { kind: 'control', sequence, flags: queues.flagsOf(node) }
      : { kind: 'object', sequence };
  }
}

function resendQueueStatistics(engine: SyncEngine): ResendQueueStatistics {
  return {
    length: engine.queues.resendLength,
    // Up to 131,072 objects, which few of those who take a snapshot want.
    get entries() {
      return [...resendEntries(engine)];
    },
  };
}

/** The queue of datagrams that the links could not send. */
export interface LinkQueue {
  readonly length: number;
  readonly limit: number;
  readonly dropped: number;
}

/** The daemon's part of a snapshot. */
export interface DaemonStatistics {
  readonly runtime: RuntimeStatistics;
  readonly links: readonly LinkStatistics[];
  readonly linkQueue: LinkQueue;
  /** Undefined until somebody has given the node a role, where no guard is configured. */
  readonly role: RoleStatistics | undefined;
  readonly helpers: HelpersStatistics | undefined;
  readonly replication: ReplicationStatistics;
}

function sides(node: SyncNode, item: 'flows' | 'expectations'): SidesStatistics {
  const { replica, bypass, external } = node;
  const { caches, injection } = external;
  return {
    internal: bypass
      ? { kind: 'bypass', ...bypass[item].counters }
      : cacheStatistics('internal', replica.internal[item]),
    external: caches
      ? cacheStatistics('external', caches[item])
      : { kind: 'inject', ...(injection as Injection)[item].counters },
  };
}

/** Takes the statistics of a node that replicates. */
export function syncSnapshot(
  node: SyncNode,
  { runtime, links, linkQueue, role, helpers, replication }: DaemonStatistics,
): SyncSnapshot {
  const { engine, counters, options } = node;
  return {
    mode: 'sync',
    ...(role && { role }),
    ...(helpers && { helpers }),
    ...(node.standby && { standby: node.standby.statistics }),
    ...(node.shared && { sharedFlows: { ...node.shared.counters } }),
    runtime,
    processes: [],
    traffic: { bytes: counters.trafficBytes, packets: counters.trafficPackets },
    flows: sides(node, 'flows'),
    ...(options.expectationSync === false ? {} : { expectations: sides(node, 'expectations') }),
    links,
    network: networkStatistics(node),
    queues: queuesStatistics(engine, linkQueue),
    replication,
    ...(engine.isReliable ? { resendQueue: resendQueueStatistics(engine) } : {}),
  };
}
