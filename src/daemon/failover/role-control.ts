import { plainRequest, RoleRequest, wantsJson } from '../../control/codes.ts';
import { type RoleAnswer, type RoleStatistics, roleOfRequest, roleText } from '../../control/role.ts';
import type { Answer, RequestHandler } from '../../control/server.ts';
import { SCHEMA_VERSION } from '../../control/version.ts';
import type { Runtime } from '../common/runtime.ts';
import type { Failover } from './failover.ts';
import { guardStatistics } from './guard/guard-control.ts';
import type { Role } from './role.ts';

/** The role as statistics: times by the wall clock. */
export function roleStatistics(failover: Failover, runtime: Runtime): RoleStatistics {
  const {
    role,
    since,
    source,
    isChanging,
    changes,
    superseded,
    lastTakeoverMs,
    shortfall,
    lastCommit,
    fifo,
  } = failover.state;
  const { guard } = failover;
  return {
    role: role ?? 'unknown',
    ...(since !== undefined && { since: 1000 * runtime.wallSeconds() - (runtime.now() - since) }),
    ...(source !== undefined && { source }),
    changing: isChanging,
    changes,
    superseded,
    ...(lastTakeoverMs !== undefined && { lastTakeoverMs }),
    ...(shortfall !== undefined && { shortfall }),
    ...(lastCommit !== undefined && {
      lastCommit: {
        committed: lastCommit.committed,
        failed: lastCommit.failed,
        takenMs: lastCommit.takenMs,
        complete: lastCommit.isComplete,
      },
    }),
    ...(fifo !== undefined && { keepalived: { ...fifo } }),
    ...(guard !== undefined && { guard: guardStatistics(guard, runtime) }),
  };
}

/** Answers requests about the role, and passes all others on. */
export function withRoleRequests(
  failover: Failover,
  runtime: Runtime,
  others: RequestHandler,
): RequestHandler {
  return async (request, answer) => {
    const role = roleOfRequest(request);
    if (role !== undefined) {
      await answerRole(failover, role, answer);
    } else if (plainRequest(request) === RoleRequest.SHOW) {
      const statistics = roleStatistics(failover, runtime);
      const json = () => JSON.stringify({ schema: SCHEMA_VERSION, ...statistics });
      answer.write(wantsJson(request) ? `${json()}\n` : roleText(statistics));
    } else {
      await others(request, answer);
    }
  };
}

/** @throws what the role's work threw, once the client has got it as its answer */
async function answerRole(failover: Failover, role: Role, answer: Answer): Promise<void> {
  const write = (text: RoleAnswer) => answer.write(`${JSON.stringify(text)}\n`);
  try {
    write(await failover.request(role, 'command'));
  } catch (error) {
    write({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}
