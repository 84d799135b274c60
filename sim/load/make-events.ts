import type { Namespace } from '../netns/lab.ts';
import { compiledProgram } from './compiled-program.ts';
import type { Made, Work } from './work.ts';

const MAKER = compiledProgram('maker');

/** How the process that makes events runs. */
export interface MakerPlace {
  /** The core it is bound to. */
  readonly core?: string;
  /**
   * Its real-time priority: then the rate is even however busy the machine is, as events of packets come from interrupts. By
   * default it has the usual policy.
   */
  readonly realtimePriority?: number;
}

/** Makes events in the kernel of a namespace; resolves after the last event. */
export async function makeEvents(
  namespace: Namespace,
  { first = 0, mark = 0, ...work }: Omit<Work, 'first' | 'mark'> & { first?: number; mark?: number },
  { core, realtimePriority }: MakerPlace = {},
): Promise<Made> {
  const all: Work = { ...work, first, mark };
  const [command, ...args] = [
    ...(core === undefined ? [] : ['taskset', '-c', core]),
    ...(realtimePriority === undefined ? [] : ['chrt', '--fifo', String(realtimePriority)]),
    process.execPath,
    MAKER,
    JSON.stringify(all),
  ];
  const text = await namespace.must(command!, args, { timeout: 300_000 });
  return JSON.parse(text) as Made;
}
