import { type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turn } from 'node:timers/promises';

/** What a piece of work left on the heap. */
export interface Allocation {
  /** Growth of the used heap; exact if no garbage collection ran meanwhile. */
  readonly bytes: number;
  readonly collections: number;
}

/** Runs `work`, which must be synchronous, and reads the engine's own counters before and after. */
export async function allocationOf(work: () => void): Promise<Allocation> {
  const seen: PerformanceEntry[] = [];
  const observer = new PerformanceObserver((list) => seen.push(...list.getEntries()));
  observer.observe({ entryTypes: ['gc'] });
  // The observer reports in a later turn.
  await turn();
  await turn();
  seen.length = 0;
  const before = process.memoryUsage().heapUsed;
  work();
  const after = process.memoryUsage().heapUsed;
  await turn();
  await turn();
  observer.disconnect();
  return { bytes: after - before, collections: seen.length };
}
