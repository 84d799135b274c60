import type { Dump, KernelSink } from '../kernel/kernel.ts';

/** Lets everything else that waits have its turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * Reads a dump to its end, a part a turn, as long as `goOn` says so.
 * @throws KernelError
 */
export async function readDump(dump: Dump, sink: KernelSink, goOn: () => boolean): Promise<void> {
  try {
    while (goOn() && !dump.step(sink)) await turn();
  } finally {
    dump.close();
  }
}
