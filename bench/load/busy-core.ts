import { availableParallelism } from 'node:os';
import type { Namespace } from '../../sim/netns/lab.ts';

/** The core that a slowed-down process shares with busy processes. */
const BUSY_CORE = '0';
/** The core for processes that must not be slowed down; the same core if the machine has only one. */
export const FREE_CORE: string = availableParallelism() > 1 ? '1' : BUSY_CORE;

/**
 * Calls `work` while a process is bound to one core, which it shares with `others` processes that never sleep. This imitates a
 * correspondingly slower machine.
 */
export async function onBusyCore<T>(
  namespace: Namespace,
  pid: number,
  others: number,
  work: () => Promise<T>,
): Promise<T> {
  await namespace.must('taskset', ['-a', '-c', '-p', BUSY_CORE, String(pid)]);
  // A node of either implementation runs before all other processes (SCHED_RR) unless its configuration says otherwise.
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
