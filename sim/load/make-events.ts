import { fileURLToPath } from 'node:url';
import type { Namespace } from '../netns/lab.ts';
import type { Made, Work } from './work.ts';

const MAKER = fileURLToPath(new URL('./maker.js', import.meta.url));

/** Makes events in the kernel of a namespace, on `core` if given; resolves after the last event. */
export async function makeEvents(
  namespace: Namespace,
  { first = 0, mark = 0, ...work }: Omit<Work, 'first' | 'mark'> & { first?: number; mark?: number },
  core?: string,
): Promise<Made> {
  const all: Work = { ...work, first, mark };
  const maker = [process.execPath, MAKER, JSON.stringify(all)];
  const [command, ...args] = core === undefined ? maker : ['taskset', '-c', core, ...maker];
  const text = await namespace.must(command!, args, { timeout: 300_000 });
  return JSON.parse(text) as Made;
}
