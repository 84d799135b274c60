/** Scheduling policies, sched(7). */

import { bind, check } from './native.ts';

export const SCHED_OTHER = 0;
export const SCHED_FIFO = 1;
export const SCHED_RR = 2;
/** Beside a policy: threads and processes that the thread starts from now on get the usual policy. */
export const SCHED_RESET_ON_FORK = 0x40000000;

let setSchedulerCall: ((pid: number, policy: number, parameters: Int32Array) => number) | undefined;

/** Sets the calling thread's scheduling policy (`SCHED_*`) and its priority. @throws SystemError */
export function setScheduler(policy: number, priority: number): void {
  setSchedulerCall ??= bind('int sched_setscheduler(int, int, const int32_t *)');
  check('sched_setscheduler', setSchedulerCall!(0, policy, Int32Array.of(priority)));
}

let ownCalls:
  | {
      readonly policy: (thread: number) => number;
      readonly parameters: (thread: number, to: Int32Array) => number;
    }
  | undefined;

/**
 * Starts a thread in `start` that gets the calling thread's scheduling policy and priority, also where threads usually do not. Without
 * CAP_SYS_NICE it gets what threads usually get.
 */
export function inheritScheduler<T>(start: () => T): T {
  ownCalls ??= {
    policy: bind('int sched_getscheduler(int)'),
    parameters: bind('int sched_getparam(int, int32_t *)'),
  };
  const policy = check('sched_getscheduler', ownCalls.policy(0));
  if ((policy & SCHED_RESET_ON_FORK) === 0) return start();
  const priority = new Int32Array(1);
  check('sched_getparam', ownCalls.parameters(0, priority));
  try {
    setScheduler(policy & ~SCHED_RESET_ON_FORK, priority[0]!);
  } catch {
    return start();
  }
  try {
    return start();
  } finally {
    setScheduler(policy, priority[0]!);
  }
}
