import { fileURLToPath } from 'node:url';
import type { Namespace } from '../../sim/netns/lab.ts';
import { FREE_CORE } from './crowd.ts';
import type { Made, Work } from './work.ts';

const MAKER = fileURLToPath(new URL('./maker.js', import.meta.url));

/** Has events made in the kernel of a namespace; resolves when the last one is made. */
export async function makeEvents(
  namespace: Namespace,
  { first = 0, mark = 0, ...work }: Omit<Work, 'first' | 'mark'> & { first?: number; mark?: number },
): Promise<Made> {
  const all: Work = { ...work, first, mark };
  const maker = ['-c', FREE_CORE, process.execPath, MAKER, JSON.stringify(all)];
  const text = await namespace.must('taskset', maker, { timeout: 300_000 });
  return JSON.parse(text) as Made;
}
