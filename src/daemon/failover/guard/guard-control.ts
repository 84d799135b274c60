import { Request } from '../../../control/codes.ts';
import type { GuardStatistics } from '../../../control/guard.ts';
import type { RequestHandler } from '../../../control/server.ts';
import type { Runtime } from '../../common/runtime.ts';
import type { Guard } from './guard.ts';

/** The guard as statistics: times by the wall clock. */
export function guardStatistics(guard: Guard, runtime: Runtime): GuardStatistics {
  const { phase, interfaces, since, cause, raised, lifted, lapsed, recreated, counters } = guard.state;
  return {
    state: phase,
    interfaces,
    ...(since !== undefined && { since: 1000 * runtime.wallSeconds() - (runtime.now() - since) }),
    ...(cause !== undefined && { cause }),
    ...counters,
    raised,
    lifted,
    lapsed,
    recreated,
  };
}

/** Requests that commit flows: with `-c` a script makes this node primary, in C's way. */
const COMMITS: ReadonlySet<number> = new Set([Request.COMMIT_CT, Request.COMMIT_ALL]);

/**
 * Lifts the guard at the end of a commit that a script asked for, and passes all requests on.
 * @param whenCommitted resolves when no commit is under way: one that is makes a second one end at once
 */
export function withGuardedCommits(
  guard: Guard,
  whenCommitted: () => Promise<void>,
  others: RequestHandler,
): RequestHandler {
  return async (request, answer) => {
    if (!COMMITS.has(request)) return others(request, answer);
    guard.expectTakeover('a commit was asked for');
    try {
      await others(request, answer);
      await whenCommitted();
    } finally {
      guard.lift();
    }
  };
}
