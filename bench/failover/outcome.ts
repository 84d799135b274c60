import { quantile } from '../statistics.ts';
import type { ConversationReport } from './conversation.ts';
import type { EndReport } from './talker.ts';
import type { Traffic } from './traffic.ts';

/** What became of the connections. */
export interface Survival {
  /** Reset or closed, as one of the ends saw it. */
  readonly reset: number;
  /** Open, but one of the ends has received nothing since the failover. */
  readonly silent: number;
  /** The longest gap of each connection that survived, at the end where it was longer, in milliseconds. */
  readonly silenceMs: readonly number[];
  /** Messages that got lost while later ones arrived; with TCP a fault of the bench or the kernel. */
  readonly missed: number;
}

interface Connection {
  readonly ends: readonly EndReport[];
  readonly isReset: boolean;
  /** Whether every end to which the other one sends has received something since the given time. */
  readonly hasReceived: boolean;
}

function connectionsOf(report: ConversationReport, traffic: Traffic, sinceMs: number): Connection[] {
  const server = new Map(report.server.connections.map((end) => [end.id, end]));
  return report.client.connections.map((client) => {
    const other = server.get(client.id);
    if (other === undefined) throw new Error(`the server does not know connection ${client.id}`);
    const listening = traffic.talking === 'both' ? [client, other] : [client];
    return {
      ends: listening,
      isReset: client.ended !== undefined || other.ended !== undefined,
      hasReceived: listening.every(({ receivedAt }) => receivedAt > sinceMs),
    };
  });
}

/** Whether each connection has either been reset, or works again since then. */
export function isDecided(report: ConversationReport, traffic: Traffic, sinceMs: number): boolean {
  return connectionsOf(report, traffic, sinceMs).every(({ isReset, hasReceived }) => isReset || hasReceived);
}

/** @param sinceMs what was received before proves nothing, in milliseconds of the monotonic clock */
export function survivalOf(report: ConversationReport, traffic: Traffic, sinceMs: number): Survival {
  const connections = connectionsOf(report, traffic, sinceMs);
  const open = connections.filter(({ isReset }) => !isReset);
  const alive = open.filter(({ hasReceived }) => hasReceived);
  return {
    reset: connections.length - open.length,
    silent: open.length - alive.length,
    silenceMs: alive.map(({ ends }) => Math.max(...ends.map(({ gapMs }) => gapMs))),
    missed: alive.flatMap(({ ends }) => ends.map(({ missed }) => missed)).reduce((a, b) => a + b, 0),
  };
}

/** What one failover came to. Times are in milliseconds; undefined where there is no such time. */
export interface Outcome {
  readonly lost: number;
  readonly reset: number;
  readonly silent: number;
  readonly missed: number;
  readonly silenceMedianMs: number | undefined;
  readonly silenceP99Ms: number | undefined;
  /** From the death of the primary until the other firewall has the addresses. */
  readonly movedMs: number | undefined;
  /** From there until the daemon logs that its commit has ended. */
  readonly committedMs: number | undefined;
  /** The 99th percentile of how late the ends were with their messages. */
  readonly lateP99Ms: number;
}

export function outcomeOf(
  survival: Survival,
  { client, server }: ConversationReport,
  times: Pick<Outcome, 'movedMs' | 'committedMs'>,
): Outcome {
  const { reset, silent, missed, silenceMs } = survival;
  const share = (of: number) => (silenceMs.length === 0 ? undefined : quantile(silenceMs, of));
  return {
    ...{ lost: reset + silent, reset, silent, missed },
    silenceMedianMs: share(0.5),
    silenceP99Ms: share(0.99),
    ...times,
    lateP99Ms: Math.max(client.lateP99Ms, server.lateP99Ms),
  };
}
