import type { HistogramStatistics } from '../bytes/histogram.ts';

/** How a node and its peers stand, as `-s --json` and `-s --in-sync` show it. Periods are in milliseconds. */
export interface ReplicationStatistics {
  /** Whether the node has all that its peers have, as far as it can know. */
  readonly inSync: boolean;
  /** Why not, in words. */
  readonly reason?: string;
  /** Flows in the external cache. */
  readonly flows: number;
  /** Peers that were heard in the last minute. */
  readonly peers: number;
  /** Those of them that have sent nothing for 5 s. */
  readonly silentPeers: number;
  /** Since the last message of any peer; absent before the first. */
  readonly lastHeardMs?: number;
  /** Messages waiting to be sent. */
  readonly waiting: number;
  /** Messages sent and not yet acknowledged; 0 in modes that acknowledge nothing. */
  readonly unacknowledged: number;
  /** Messages that left the full resend queue before they were acknowledged. */
  readonly droppedFromResendQueue: number;
  /** Records dropped from the external caches because the peer no longer had them. */
  readonly droppedDead: number;
  /** The flows of this node's external cache beside those that the peer, one of ours, said it has, once a minute. */
  readonly comparisons: {
    readonly equal: number;
    readonly different: number;
    /** Absent before the first. */
    readonly last?: {
      readonly equal: boolean;
      readonly here: number;
      readonly there: number;
      readonly agoMs: number;
    };
  };
  /** From sending a message until a peer acknowledged it, which a peer does for many messages together; FT-FW only. */
  readonly ackDelay?: {
    /** Milliseconds. */
    readonly sinceStart: HistogramStatistics;
    /** Absent if nothing was acknowledged in that time. */
    readonly lastMinute?: { readonly count: number; readonly p50Ms: number; readonly p99Ms: number };
  };
  /** The last time that everything was sent. */
  readonly lastBulk?: { readonly records: number; readonly agoMs: number };
  /** The last commit (`-c`, `role primary`). */
  readonly lastCommit?: {
    readonly committed: number;
    readonly failed: number;
    readonly takenMs: number;
    readonly complete: boolean;
    readonly agoMs: number;
  };
}

/** One line: `in sync: 812 flows of 1 peer, heard 412 ms ago`, or `not in sync: ` and why. */
export function inSyncText({ inSync, reason, flows, peers, lastHeardMs }: ReplicationStatistics): string {
  if (!inSync) return `not in sync: ${reason}\n`;
  const of = peers === 1 ? '1 peer' : `${peers} peers`;
  return `in sync: ${flows} flows of ${of}, heard ${lastHeardMs} ms ago\n`;
}
