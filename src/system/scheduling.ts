/** Scheduling policies, sched(7). */

import { bind, check } from './native.ts';

export const SCHED_OTHER = 0;
export const SCHED_FIFO = 1;
export const SCHED_RR = 2;

let setSchedulerCall: ((pid: number, policy: number, parameters: Int32Array) => number) | undefined;

/** Sets the calling thread's scheduling policy (`SCHED_*`) and its priority. @throws SystemError */
export function setScheduler(policy: number, priority: number): void {
  setSchedulerCall ??= bind('int sched_setscheduler(int, int, const int32_t *)');
  check('sched_setscheduler', setSchedulerCall!(0, policy, Int32Array.of(priority)));
}
