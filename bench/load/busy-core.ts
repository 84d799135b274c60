import { availableParallelism } from 'node:os';
import type { Namespace } from '../../sim/netns/lab.ts';

/** The core that a slowed-down process shares. */
const BUSY_CORE = '0';
/** The core for what must not be slowed down, the same one where there is no other. */
export const FREE_CORE: string = availableParallelism() > 1 ? '1' : BUSY_CORE;

/**
 * Calls `work` while a process is bound to one core, which it shares with `others` processes that never sleep. That imitates a
 * machine that is slower by so much.
 */
export async function onBusyCore<T>(
  namespace: Namespace,
  pid: number,
  others: number,
  work: () => Promise<T>,
): Promise<T> {
  await namespace.must('taskset', ['-a', '-c', '-p', BUSY_CORE, String(pid)]);
  // A node of either implementation runs before all others (SCHED_RR) unless it is told otherwise.
  await namespace.must('chrt', ['-a', '-o', '-p', '0', String(pid)]);
  const busy = await Promise.all(
    Array.from({ length: others }, () =>
      namespace.start('taskset', ['-c', BUSY_CORE, 'sh', '-c', 'while :; do :; done']),
    ),
  );
  try {
    return await work();
  } finally {
    await Promise.all(busy.map((child) => child.stop('SIGKILL')));
  }
}
