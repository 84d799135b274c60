import { plainRequest, Request, wantsJson } from '../../control/codes.ts';
import { type RequestHandler, stream } from '../../control/server.ts';
import type { StatsSnapshot } from '../../control/snapshot.ts';
import { statisticsLines } from '../../control/statistics.ts';
import { statisticsJson } from '../../control/statistics-json.ts';
import { flowDumpJson } from '../../flow/json.ts';
import { withReply } from '../../flow/reply.ts';
import { accountedDumpLine } from '../../flow/text.ts';
import { accountedDumpXml } from '../../flow/xml.ts';
import { secondsOf } from '../../sync/replica.ts';
import { SlotState } from '../../table/record-table.ts';
import { decodeFlow } from '../../wire/decode.ts';
import { lifeTime, type StatsNode } from './stats-node.ts';

/** What the control socket can ask of the daemon around the node. */
export interface StatsControl {
  snapshot(): StatsSnapshot;
  /** Ends the daemon; the answer to `-k` ends with it. */
  kill(): void;
}

type Form = 'plain' | 'xml' | 'json';

function* dump({ cache, runtime }: StatsNode, form: Form): Generator<string> {
  const { table } = cache;
  for (let slot = 0; slot < table.slots; slot++) {
    if (table.stateOf(slot) === SlotState.FREE) continue;
    const at = table.offsetOf(slot);
    const flow = decodeFlow(table.bytesOf(slot), at, at + table.sizeOf(slot));
    const age = { active: Math.max(0, secondsOf(runtime.now()) - table.createdAt(slot)) };
    const lived = lifeTime(cache.startOf(slot), runtime.wallSeconds());
    if (form === 'plain') yield accountedDumpLine(flow, age, lived);
    else if (form === 'xml') yield accountedDumpXml(flow, lived);
    else yield flowDumpJson(withReply(flow), age);
  }
}

/**
 * Answers the requests of the control socket to a node that keeps statistics: what the C node answers. What it has not
 * got (the external cache, expectations, links) is answered with nothing; so is a flush of all caches (`-f`), which the
 * C node does not heed in this mode, while it does `-f internal`.
 */
export function statsControl(node: StatsNode, daemon: StatsControl): RequestHandler {
  return async (request, answer) => {
    const plain = plainRequest(request);
    switch (plain) {
      case Request.DUMP_INTERNAL_CT:
        await stream(answer, dump(node, wantsJson(request) ? 'json' : 'plain'));
        break;
      case Request.DUMP_INTERNAL_CT_XML:
        await stream(answer, dump(node, 'xml'));
        break;
      case Request.FLUSH_CACHES_CT:
      case Request.FLUSH_INTERNAL:
        node.flush();
        break;
      case Request.FLUSH_KERNEL_CT:
      case Request.FLUSH_KERNEL_ALL:
        await node.flushKernel();
        break;
      case Request.RESYNC_KERNEL_CT:
      case Request.RESYNC_KERNEL_ALL:
        await node.resyncWithKernel();
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
