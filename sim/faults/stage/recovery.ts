import { setTimeout as sleep } from 'node:timers/promises';
import { type Difference, isEqual, type PairDifference } from './comparison.ts';

/** What became of a pair after a fault. */
export interface Recovery {
  /** At the end; undefined if a node did not answer. */
  readonly lacks?: number;
  readonly dead?: number;
  /** What the active firewall's own cache has wrong, where that is no part of `lacks` and `dead`. */
  readonly own?: Difference;
  /** Milliseconds from the fault's end until the beginning of the first comparison that found no difference; undefined if none did. */
  readonly recoverMs?: number;
  /** Why a comparison failed, where the last one did. */
  readonly trouble?: string;
}

/** What was equal must still be so after this time. */
const STAYS_EQUAL_MS = 1_500;
const PAUSE_MS = 100;

/**
 * Compares until there is no difference, at most `giveUpMs` after `endedAt`, a moment of `performance.now()`. Nothing may change
 * the flows meanwhile. What is equal is compared once more later: a node that mends may also mend too much.
 */
export async function untilEqual(
  compare: () => Promise<PairDifference>,
  endedAt: number,
  giveUpMs: number,
): Promise<Recovery> {
  let last: Recovery = {};
  for (;;) {
    const begin = performance.now();
    last = await oneComparison(compare);
    if (last.lacks !== undefined && isEqual(last as Difference)) {
      await sleep(STAYS_EQUAL_MS);
      const again = await oneComparison(compare);
      if (again.lacks === 0 && again.dead === 0) return { ...again, recoverMs: Math.max(0, begin - endedAt) };
      last = again;
    }
    if (performance.now() - endedAt >= giveUpMs) return last;
    await sleep(PAUSE_MS);
  }
}

async function oneComparison(compare: () => Promise<PairDifference>): Promise<Recovery> {
  try {
    return await compare();
  } catch (error) {
    return { trouble: (error as Error).message.split('\n')[0]! };
  }
}
