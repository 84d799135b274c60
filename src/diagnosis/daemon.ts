/** What several checks read out of the statistics of a daemon. */

import type { CacheFigures } from '../control/node-figures.ts';
import type { DaemonFact } from '../facts/daemon/daemon-fact.ts';

/** The caches that a daemon has, of flows. */
export function cachesOf({ flows, cache }: DaemonFact): CacheFigures[] {
  const sides = flows === undefined ? [] : [flows.internal, flows.external];
  return [...sides, ...(cache === undefined ? [] : [cache])].filter((side) => side.kind === 'cache');
}

/** Live flows in a cache; undefined where the daemon has no such cache. */
export function flowsIn(daemon: DaemonFact | undefined, name: 'internal' | 'external'): number | undefined {
  return daemon && cachesOf(daemon).find((cache) => cache.name === name)?.active;
}
