import { plainRequest, RoleRequest, wantsJson } from '../../control/codes.ts';
import { type RoleAnswer, type RoleStatistics, roleText } from '../../control/role.ts';
import type { RequestHandler } from '../../control/server.ts';
import type { Runtime } from '../common/runtime.ts';
import type { Failover } from './failover.ts';
import type { Role } from './role.ts';

const ROLES: Readonly<Record<number, Role>> = {
  [RoleRequest.PRIMARY]: 'primary',
  [RoleRequest.BACKUP]: 'backup',
  [RoleRequest.FAULT]: 'fault',
};

/** The role as statistics: times by the wall clock. */
export function roleStatistics(failover: Failover, runtime: Runtime): RoleStatistics {
  const { role, since, source, isChanging, changes, superseded, lastTakeoverMs, lastCommit, fifo } =
    failover.state;
  return {
    role: role ?? 'unknown',
    ...(since !== undefined && { since: 1000 * runtime.wallSeconds() - (runtime.now() - since) }),
    ...(source !== undefined && { source }),
    changing: isChanging,
    changes,
    superseded,
    ...(lastTakeoverMs !== undefined && { lastTakeoverMs }),
    ...(lastCommit !== undefined && {
      lastCommit: {
        committed: lastCommit.committed,
        failed: lastCommit.failed,
        takenMs: lastCommit.takenMs,
        complete: lastCommit.isComplete,
      },
    }),
    ...(fifo !== undefined && { keepalived: { ...fifo } }),
  };
}

/** Answers requests about the role, and passes all others on. */
export function withRoleRequests(
  failover: Failover,
  runtime: Runtime,
  others: RequestHandler,
): RequestHandler {
  return async (request, answer) => {
    const role = ROLES[request];
    if (role !== undefined) {
      const outcome = await failover.request(role, 'command');
      answer.write(`${JSON.stringify(answerOf(outcome))}\n`);
    } else if (plainRequest(request) === RoleRequest.SHOW) {
      const statistics = roleStatistics(failover, runtime);
      answer.write(wantsJson(request) ? `${JSON.stringify(statistics)}\n` : roleText(statistics));
    } else {
      await others(request, answer);
    }
  };
}

function answerOf(outcome: Awaited<ReturnType<Failover['request']>>): RoleAnswer {
  if (outcome.kind === 'superseded') return outcome;
  const { commit } = outcome;
  return { kind: 'entered', failed: commit?.failed ?? 0, complete: commit?.isComplete ?? true };
}
