import type { Dump, KernelSink } from '../../kernel/kernel.ts';

/**
 * Reads a dump to its end, a part a turn, as long as `goOn` says so.
 * @param turn lets everything else have its turn
 * @throws KernelError
 */
export async function readDump(
  dump: Dump,
  sink: KernelSink,
  goOn: () => boolean,
  turn: () => Promise<void>,
): Promise<void> {
  try {
    while (goOn() && !dump.step(sink)) await turn();
  } finally {
    dump.close();
  }
}
