import type { ReplicationStatistics } from '../../../control/replication.ts';
import { type AckDelayStatistics, type EngineStatus, Missing } from '../../../sync/engine.ts';
import type { Comparisons } from '../../../sync/replica.ts';
import type { NodeCommands } from '../node-commands.ts';
import type { SyncNode } from '../sync-node.ts';

/** How the node stands with its peers. */
export function replicationStatistics(node: SyncNode, commands: NodeCommands): ReplicationStatistics {
  const { engine, confirmed, external, runtime } = node;
  const now = runtime.now();
  const status = engine.status(now);
  const agoMs = (at: number): number => Math.round(now - at);
  const reason = reasonOf(status, confirmed?.lacksRoom === true, now);
  const { lastCommit } = commands;
  const bulk = engine.bulks.last;
  return {
    inSync: reason === undefined,
    ...(reason !== undefined && { reason }),
    flows: external.caches?.flows.counters.active ?? 0,
    peers: status.peers,
    silentPeers: status.silent,
    ...(status.heardAt > Number.NEGATIVE_INFINITY && { lastHeardMs: agoMs(status.heardAt) }),
    waiting: engine.queues.transmitLength,
    unacknowledged: engine.queues.resendLength,
    droppedFromResendQueue: engine.queues.evictions,
    droppedDead: confirmed?.dropped ?? 0,
    comparisons: comparisonStatistics(node.replica.comparisons, agoMs),
    ...(status.ackDelays && { ackDelay: ackDelay(status.ackDelays) }),
    ...(bulk && { lastBulk: { records: bulk.records, agoMs: agoMs(bulk.at) } }),
    ...(lastCommit && {
      lastCommit: {
        committed: lastCommit.result.committed,
        failed: lastCommit.result.failed,
        takenMs: Math.round(lastCommit.result.takenMs),
        complete: lastCommit.result.isComplete,
        agoMs: agoMs(lastCommit.endedAt),
      },
    }),
  };
}

function comparisonStatistics(
  { equal, different, last }: Readonly<Comparisons>,
  agoMs: (at: number) => number,
): ReplicationStatistics['comparisons'] {
  if (last === undefined) return { equal, different };
  const { at, here, there, isEqual } = last;
  return { equal, different, last: { equal: isEqual, here, there, agoMs: agoMs(at) } };
}

function ackDelay({ total, recent }: AckDelayStatistics): NonNullable<ReplicationStatistics['ackDelay']> {
  return {
    sinceStart: { ...total, sum: rounded(total.sum) },
    ...(recent && {
      lastMinute: { count: recent.count, p50Ms: rounded(recent.p50Ms), p99Ms: rounded(recent.p99Ms) },
    }),
  };
}

function rounded(ms: number): number {
  return Math.round(1000 * ms) / 1000;
}

/** Why the node may lack something of its peers, or have too much; undefined if nothing speaks for that. */
function reasonOf(status: EngineStatus, lacksRoom: boolean, now: number): string | undefined {
  const { peers, silent, heardAt, missing } = status;
  if (missing === Missing.UNKNOWN)
    return 'a node in this mode, or without external caches, does not know what it lacks';
  if (peers === 0) return 'no peer was heard in the last minute';
  if (silent > 0) {
    const since = Math.round((now - heardAt) / 1000);
    return silent === peers
      ? `no message of a peer for ${since} s`
      : `${silent} of ${peers} peers are silent`;
  }
  if (missing === Missing.ANSWER) return 'a peer was asked for everything and has not sent it yet';
  if (missing === Missing.MESSAGES) return 'a message was lost and has not come again yet';
  return lacksRoom ? 'the external cache was full, see HashLimit' : undefined;
}
