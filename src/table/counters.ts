/** A cache's counters, named as in `conntrackd -s cache`. */
export interface CacheCounters {
  /** Number of records that are not dead. */
  active: number;
  created: number;
  /** Failed creations. */
  createFailed: number;
  /** Creations that failed because the cache is full (HashLimit). */
  createFailedFull: number;
  updated: number;
  updateFailed: number;
  destroyed: number;
  destroyFailed: number;
}

export function cacheCounters(): CacheCounters {
  return {
    active: 0,
    created: 0,
    createFailed: 0,
    createFailedFull: 0,
    updated: 0,
    updateFailed: 0,
    destroyed: 0,
    destroyFailed: 0,
  };
}
