import type { CacheStatistics } from '../../control/snapshot.ts';
import type { Cache } from '../../table/cache.ts';

/** Takes the statistics of a cache. @param name as `conntrackd -s cache` prints it */
export function cacheStatistics(
  name: string,
  { counters, table }: Pick<Cache, 'counters' | 'table'>,
): CacheStatistics {
  return {
    kind: 'cache',
    name,
    objects: table.size,
    active: counters.active,
    entries: table.size,
    created: counters.created,
    createFailed: counters.createFailed,
    createNoMemory: 0,
    createNoSpace: counters.createFailedFull,
    updated: counters.updated,
    updateFailed: counters.updateFailed,
    updateNotFound: 0,
    destroyed: counters.destroyed,
    destroyFailed: counters.destroyFailed,
    destroyNotFound: 0,
  };
}
