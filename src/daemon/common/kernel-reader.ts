import { Change } from '../../flow/change.ts';
import type { Dump, KernelSink } from '../../kernel/kernel.ts';
import type { EndedRecords } from '../../table/ended-records.ts';

/**
 * Reads a dump to its end, one part per turn of the event loop, while `isWanted` returns true.
 * @param yieldToLoop resolves when everything else has had its turn
 * @throws KernelError
 */
export async function readDump(
  dump: Dump,
  sink: KernelSink,
  isWanted: () => boolean,
  yieldToLoop: () => Promise<void>,
): Promise<void> {
  try {
    while (isWanted() && !dump.step(sink)) await yieldToLoop();
  } finally {
    dump.close();
  }
}

/** Notes an event about the record `bytes[0, length)`, if a dump is under way: the dump may still show what has ended. */
export function noteEventForDumps(
  ended: EndedRecords,
  change: Change,
  bytes: Uint8Array,
  length: number,
): void {
  if (!ended.watching) return;
  if (change === Change.DESTROY) ended.ended(bytes, length);
  else ended.lives(bytes, length);
}
