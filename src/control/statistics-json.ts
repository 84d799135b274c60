/**
 * Statistics as JSON: one object, with the names of `snapshot.ts`, and a newline.
 *
 * | request | members |
 * |---|---|
 * | STATISTICS | `schema`, `mode`, as each of them; `internal`, `external`, `traffic`, `links`, `network`, `replication`, `standby` where `keep` is set, `sharedFlows` where several nodes are active, `role` once the node has one or a guard (Stats mode: `cache`, `traffic`) |
 * | STATISTICS_EXPECT | the same, of expectations |
 * | STATISTICS_NETWORK | `mode`, `network`, `links` |
 * | STATISTICS_CACHE | `mode`, `internal`, `external` (Stats mode: `cache`) |
 * | STATISTICS_LINK | `mode`, `links` |
 * | STATISTICS_QUEUE | `mode`, `queues`: `nodes` and `queues` (Sync mode); `helpers` as in STATISTICS |
 * | STATISTICS_RSQUEUE | `mode`, `resendQueue`: `length` and `entries` |
 * | STATISTICS_RUNTIME | `mode`, `runtime` |
 * | STATISTICS_PROCESS | `mode`, `processes` |
 *
 * `schema` is the version of docs/json.md. `mode` is `sync`, `stats` or `helper`. STATISTICS has `helpers` in all modes, where the configuration has a Helper clause. What
 * the node's mode has not got is left out.
 */

import { Request } from './codes.ts';
import type { ResendQueueStatistics, SidesStatistics, Snapshot, SyncSnapshot } from './snapshot.ts';
import { SCHEMA_VERSION } from './version.ts';

function helpersOf({ helpers }: Snapshot): object {
  return helpers === undefined ? {} : { helpers };
}

function syncMembers(request: number, snapshot: SyncSnapshot): object {
  const { flows, expectations, traffic, links, network, queues } = snapshot;
  const general = (sides: SidesStatistics | undefined) =>
    sides === undefined ? {} : { ...sides, traffic, links, network };
  switch (request) {
    case Request.STATISTICS:
      return {
        ...general(flows),
        replication: snapshot.replication,
        ...(snapshot.standby && { standby: snapshot.standby }),
        ...(snapshot.sharedFlows && { sharedFlows: snapshot.sharedFlows }),
        ...(snapshot.role && { role: snapshot.role }),
        ...helpersOf(snapshot),
      };
    case Request.STATISTICS_EXPECT:
      return general(expectations);
    case Request.STATISTICS_NETWORK:
      return { network, links };
    case Request.STATISTICS_CACHE:
      return flows;
    case Request.STATISTICS_LINK:
      return { links };
    case Request.STATISTICS_QUEUE:
      return { queues, ...helpersOf(snapshot) };
    default:
      return {};
  }
}

function members(request: number, snapshot: Snapshot): object {
  if (request === Request.STATISTICS_RUNTIME) return { runtime: snapshot.runtime };
  if (request === Request.STATISTICS_PROCESS) return { processes: snapshot.processes };
  if (snapshot.mode === 'sync') return syncMembers(request, snapshot);
  if (request === Request.STATISTICS_QUEUE) return helpersOf(snapshot);
  if (snapshot.mode === 'helper') return request === Request.STATISTICS ? helpersOf(snapshot) : {};
  const { cache, traffic } = snapshot;
  if (request === Request.STATISTICS) return { cache, traffic, ...helpersOf(snapshot) };
  return request === Request.STATISTICS_CACHE ? { cache } : {};
}

function* resendQueueJson(queue: ResendQueueStatistics): Generator<string> {
  yield `{"schema":${SCHEMA_VERSION},"mode":"sync","resendQueue":{"length":${queue.length},"entries":[`;
  let separator = '';
  for (const entry of queue.entries) {
    yield separator + JSON.stringify(entry);
    separator = ',';
  }
  yield ']}}\n';
}

/** The answer to a request for statistics as JSON, in pieces; `request` is the plain one, without its form. */
export function* statisticsJson(request: number, snapshot: Snapshot): Generator<string> {
  if (
    request === Request.STATISTICS_RSQUEUE &&
    snapshot.mode === 'sync' &&
    snapshot.resendQueue !== undefined
  ) {
    yield* resendQueueJson(snapshot.resendQueue);
  } else {
    yield `${JSON.stringify({ schema: SCHEMA_VERSION, mode: snapshot.mode, ...members(request, snapshot) })}\n`;
  }
}
