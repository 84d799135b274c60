import { availableParallelism } from 'node:os';
import type { Namespace } from '../../sim/netns/lab.ts';

/** The core that a crowded process shares. */
const CROWDED = '0';
/** The core for what must not be slowed down, the same one where there is no other. */
export const FREE_CORE: string = availableParallelism() > 1 ? '1' : CROWDED;

/**
 * Calls `work` while a process has one core alone, which it shares with as many others that never rest as `others` says: so much
 * slower a machine it has.
 */
export async function crowded<T>(
  namespace: Namespace,
  pid: number,
  others: number,
  work: () => Promise<T>,
): Promise<T> {
  await namespace.must('taskset', ['-a', '-c', '-p', CROWDED, String(pid)]);
  // A node of either kind runs before all others (SCHED_RR) unless it is told otherwise.
  await namespace.must('chrt', ['-a', '-o', '-p', '0', String(pid)]);
  const crowd = await Promise.all(
    Array.from({ length: others }, () =>
      namespace.start('taskset', ['-c', CROWDED, 'sh', '-c', 'while :; do :; done']),
    ),
  );
  try {
    return await work();
  } finally {
    await Promise.all(crowd.map((child) => child.stop('SIGKILL')));
  }
}
