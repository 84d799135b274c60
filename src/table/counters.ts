/** What a cache counts, in the words of `conntrackd -s cache`. */
export interface CacheCounters {
  /** Records that are not dead. */
  active: number;
  created: number;
  /** Creations refused. */
  createFailed: number;
  /** Creations refused because the cache is full (HashLimit). */
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
