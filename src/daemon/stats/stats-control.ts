import { plainRequest, Request, wantsJson } from '../../control/codes.ts';
import { DumpTurns } from '../../control/dump-turns.ts';
import type { RequestHandler } from '../../control/server.ts';
import type { StatsSnapshot } from '../../control/snapshot.ts';
import { flowDumpJson } from '../../flow/json.ts';
import { withReply } from '../../flow/reply.ts';
import { accountedDumpLine } from '../../flow/text.ts';
import { accountedDumpXml } from '../../flow/xml.ts';
import { secondsOf } from '../../table/seconds.ts';
import { decodeFlow } from '../../wire/decode.ts';
import { answerStatistics } from '../common/answer-statistics.ts';
import { type DumpForm, type Printer, tableLines } from '../common/table-lines.ts';
import { lifeTime, type StatsNode } from './stats-node.ts';

/** What requests need of the daemon around the node. */
export interface StatsControl {
  snapshot(): StatsSnapshot;
  /** Ends the daemon; the answer to `-k` ends with it. */
  kill(): void;
}

/** Prints a flow with its lifetime. */
function flowPrinter({ cache, runtime }: StatsNode, form: DumpForm): Printer {
  return (bytes, start, end, age, slot) => {
    const flow = decodeFlow(bytes, start, end);
    if (form === 'json') return flowDumpJson(withReply(flow), age);
    const lived = lifeTime(cache.startOf(slot), runtime.wallSeconds());
    return form === 'xml' ? accountedDumpXml(flow, lived) : accountedDumpLine(flow, age, lived);
  };
}

function cacheLines(node: StatsNode, form: DumpForm): Iterable<string> {
  return tableLines(node.cache.table, flowPrinter(node, form), () => secondsOf(node.runtime.now()));
}

/**
 * Answers the requests of the control socket to a node that keeps statistics, as the C node does. Requests for what such a
 * node lacks (an external cache, expectations, links) are answered with nothing, and so is a flush of all caches (`-f`):
 * in this mode C carries out `-f internal` alone.
 */
export function statsControl(node: StatsNode, daemon: StatsControl): RequestHandler {
  const dumps = new DumpTurns();
  return async (request, answer) => {
    const plain = plainRequest(request);
    switch (plain) {
      case Request.DUMP_INTERNAL_CT:
        await dumps.send(answer, cacheLines(node, wantsJson(request) ? 'json' : 'plain'));
        break;
      case Request.DUMP_INTERNAL_CT_XML:
        await dumps.send(answer, cacheLines(node, 'xml'));
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
        answerStatistics(request, answer, daemon.snapshot());
    }
  };
}
