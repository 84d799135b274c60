import { plainRequest, Request, wantsJson } from '../control/codes.ts';
import { type RequestHandler, stream } from '../control/server.ts';
import type { SyncSnapshot } from '../control/snapshot.ts';
import { statisticsLines } from '../control/statistics.ts';
import { statisticsJson } from '../control/statistics-json.ts';
import { secondsOf } from '../sync/replica.ts';
import { type DumpForm, expectations, externalFlows, internalFlows, tableLines } from './cache-dump.ts';
import type { SyncNode } from './sync-node.ts';

/** What the control socket can ask of the daemon around the node. */
export interface DaemonControl {
  snapshot(): SyncSnapshot;
  /** Ends the daemon; the answer to `-k` ends with it. */
  kill(): void;
  readonly expectationSync: boolean;
}

function seconds(): number {
  return secondsOf(performance.now());
}

/** Answers the requests of the control socket to a node that synchronises. */
export function syncControl(node: SyncNode, daemon: DaemonControl): RequestHandler {
  const dump = (request: number, form: DumpForm): Iterable<string> => {
    const { internal } = node.replica;
    const { external } = node;
    switch (request) {
      case Request.DUMP_INTERNAL_CT:
      case Request.DUMP_INTERNAL_CT_XML:
        return tableLines(internal.flows.table, internalFlows(form), seconds);
      case Request.DUMP_EXTERNAL_CT:
      case Request.DUMP_EXTERNAL_CT_XML:
        return tableLines(external.flows.table, externalFlows(form), seconds);
    }
    if (!daemon.expectationSync) return [];
    const internally =
      request === Request.DUMP_INTERNAL_EXPECT || request === Request.DUMP_INTERNAL_EXPECT_XML;
    const { table } = (internally ? internal : external).expectations;
    return tableLines(table, expectations(form), seconds);
  };

  return async (request, answer) => {
    const plain = plainRequest(request);
    switch (plain) {
      case Request.DUMP_INTERNAL_CT:
      case Request.DUMP_EXTERNAL_CT:
      case Request.DUMP_INTERNAL_EXPECT:
      case Request.DUMP_EXTERNAL_EXPECT:
        await stream(answer, dump(plain, wantsJson(request) ? 'json' : 'plain'));
        break;
      case Request.DUMP_INTERNAL_CT_XML:
      case Request.DUMP_EXTERNAL_CT_XML:
      case Request.DUMP_INTERNAL_EXPECT_XML:
      case Request.DUMP_EXTERNAL_EXPECT_XML:
        await stream(answer, dump(plain, 'xml'));
        break;
      case Request.COMMIT_CT:
        await node.commit('flows');
        break;
      case Request.COMMIT_EXPECT:
        if (daemon.expectationSync) await node.commit('expectations');
        break;
      case Request.COMMIT_ALL:
        await node.commit('all');
        break;
      case Request.FLUSH_CACHES_CT:
        node.flush(true, true, 'flows');
        break;
      case Request.FLUSH_CACHES_ALL:
        node.flush(true, true, 'all');
        break;
      case Request.FLUSH_INTERNAL:
        node.flush(true, false, 'flows');
        break;
      case Request.FLUSH_EXTERNAL:
        node.flush(false, true, 'flows');
        break;
      case Request.FLUSH_KERNEL_CT:
        await node.flushKernel('flows');
        break;
      case Request.FLUSH_KERNEL_EXPECT:
        await node.flushKernel('expectations');
        break;
      case Request.FLUSH_KERNEL_ALL:
        await node.flushKernel('all');
        break;
      case Request.RESYNC_KERNEL_CT:
        await node.resyncWithKernel('flows');
        break;
      case Request.RESYNC_KERNEL_EXPECT:
        await node.resyncWithKernel('expectations');
        break;
      case Request.RESYNC_KERNEL_ALL:
        await node.resyncWithKernel('all');
        break;
      case Request.SEND_BULK:
        node.sendBulk();
        break;
      case Request.REQUEST_RESYNC:
        node.requestResync();
        break;
      case Request.RESET_TIMERS:
        node.resetTimers();
        break;
      case Request.KILL:
        daemon.kill();
        break;
      default:
        await stream(
          answer,
          (wantsJson(request) ? statisticsJson : statisticsLines)(plain, daemon.snapshot()),
        );
    }
  };
}
