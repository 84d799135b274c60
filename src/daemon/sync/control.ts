import { plainRequest, Request, wantsJson } from '../../control/codes.ts';
import type { CommitAnswer } from '../../control/commit.ts';
import { DumpTurns } from '../../control/dump-turns.ts';
import type { Answer, RequestHandler } from '../../control/server.ts';
import type { SyncSnapshot } from '../../control/snapshot.ts';
import { SCHEMA_VERSION } from '../../control/version.ts';
import { secondsOf } from '../../table/seconds.ts';
import { answerStatistics } from '../common/answer-statistics.ts';
import { type DumpForm, tableLines } from '../common/table-lines.ts';
import {
  expectations,
  externalFlows,
  internalFlows,
  kernelExpectationLines,
  kernelFlowLines,
} from './cache-dump.ts';
import type { CommitResult, NodeCommands } from './node-commands.ts';
import type { SyncNode } from './sync-node.ts';

/** What requests need of the daemon around the node. */
export interface DaemonControl {
  snapshot(): SyncSnapshot;
  /** Ends the daemon. */
  kill(): void;
  readonly expectationSync: boolean;
}

function secondsAt(node: SyncNode): () => number {
  return () => secondsOf(node.runtime.now());
}

const NO_LINES: readonly string[] = [];

function internalLines(node: SyncNode, ofExpectations: boolean, form: DumpForm): Iterable<string> {
  if (node.audited === undefined)
    return ofExpectations ? kernelExpectationLines(node) : kernelFlowLines(node);
  const { internal } = node.replica;
  const seconds = secondsAt(node);
  return ofExpectations
    ? tableLines(internal.expectations.table, expectations(form), seconds)
    : tableLines(internal.flows.table, internalFlows(form), seconds);
}

function externalLines(node: SyncNode, ofExpectations: boolean, form: DumpForm): Iterable<string> {
  const { external } = node;
  const { caches } = external;
  if (!caches) return NO_LINES;
  const seconds = secondsAt(node);
  return ofExpectations
    ? tableLines(caches.expectations.table, expectations(form), seconds, external.expectationExpiresIn)
    : tableLines(caches.flows.table, externalFlows(form), seconds, external.flowExpiresIn);
}

interface DumpRequest {
  readonly lines: typeof internalLines;
  readonly expectations: boolean;
  readonly xml: boolean;
}

const DUMPS: Readonly<Record<number, DumpRequest>> = {
  [Request.DUMP_INTERNAL_CT]: { lines: internalLines, expectations: false, xml: false },
  [Request.DUMP_EXTERNAL_CT]: { lines: externalLines, expectations: false, xml: false },
  [Request.DUMP_INTERNAL_CT_XML]: { lines: internalLines, expectations: false, xml: true },
  [Request.DUMP_EXTERNAL_CT_XML]: { lines: externalLines, expectations: false, xml: true },
  [Request.DUMP_INTERNAL_EXPECT]: { lines: internalLines, expectations: true, xml: false },
  [Request.DUMP_EXTERNAL_EXPECT]: { lines: externalLines, expectations: true, xml: false },
  [Request.DUMP_INTERNAL_EXPECT_XML]: { lines: internalLines, expectations: true, xml: true },
  [Request.DUMP_EXTERNAL_EXPECT_XML]: { lines: externalLines, expectations: true, xml: true },
};

/** C's clients get no answer; a request for JSON gets the outcome of the commit. */
function answerCommit(request: number, answer: Answer, result: CommitResult | undefined): void {
  if (!wantsJson(request)) return;
  const body: CommitAnswer =
    result === undefined
      ? { schema: SCHEMA_VERSION, kind: 'skipped', failed: 0, complete: false }
      : {
          schema: SCHEMA_VERSION,
          kind: 'done',
          committed: result.committed,
          failed: result.failed,
          takenMs: Math.round(result.takenMs),
          complete: result.isComplete,
        };
  answer.write(`${JSON.stringify(body)}\n`);
}

/** Answers the requests of the control socket to a node that replicates. */
export function syncControl(node: SyncNode, commands: NodeCommands, daemon: DaemonControl): RequestHandler {
  const dumps = new DumpTurns();
  return async (request, answer) => {
    const plain = plainRequest(request);
    const dump = DUMPS[plain];
    if (dump) {
      if (dump.expectations && !daemon.expectationSync) return;
      const form = wantsJson(request) ? 'json' : dump.xml ? 'xml' : 'plain';
      await dumps.send(answer, dump.lines(node, dump.expectations, form));
      return;
    }
    switch (plain) {
      case Request.COMMIT_CT:
        return answerCommit(request, answer, await commands.commit('flows'));
      case Request.COMMIT_EXPECT:
        return answerCommit(
          request,
          answer,
          daemon.expectationSync ? await commands.commit('expectations') : undefined,
        );
      case Request.COMMIT_ALL:
        return answerCommit(request, answer, await commands.commit('all'));
      case Request.FLUSH_CACHES_CT:
        return commands.flushCaches('flows');
      case Request.FLUSH_CACHES_ALL:
        return commands.flushCaches('all');
      case Request.FLUSH_INTERNAL:
        return commands.flushInternal('flows');
      case Request.FLUSH_EXTERNAL:
        return commands.flushExternal();
      case Request.FLUSH_KERNEL_CT:
        return commands.flushKernel('flows');
      case Request.FLUSH_KERNEL_EXPECT:
        return commands.flushKernel('expectations');
      case Request.FLUSH_KERNEL_ALL:
        return commands.flushKernel('all');
      case Request.RESYNC_KERNEL_CT:
        await commands.resyncWithKernel('flows');
        break;
      case Request.RESYNC_KERNEL_EXPECT:
        await commands.resyncWithKernel('expectations');
        break;
      case Request.RESYNC_KERNEL_ALL:
        await commands.resyncWithKernel('all');
        break;
      case Request.SEND_BULK:
        return commands.sendBulk();
      case Request.REQUEST_RESYNC:
        return commands.requestResync();
      case Request.RESET_TIMERS:
        return commands.resetTimers();
      case Request.KILL:
        return daemon.kill();
      default:
        answerStatistics(request, answer, daemon.snapshot());
    }
  };
}
