import { Change } from '../../src/flow/change.ts';
import { Cache, type CacheWatch } from './cache.ts';
import { EXPECTATIONS, FLOWS, type Kind } from './identity.ts';
import type { Caches, Parts } from './parts.ts';

/** Where received records go. */
export interface ExternalSide {
  /** The caches, if there are any. */
  readonly caches: Caches | undefined;
  received(kind: Kind, change: Change, record: Uint8Array): void;
}

/** The external caches: the peers' records. */
export class ExternalCaches implements ExternalSide {
  readonly caches: Caches;

  constructor({ clock, options }: Parts, watch: CacheWatch | undefined) {
    const cache = (kind: Kind) => new Cache(kind, clock, options.hashSize, options.hashLimit, watch);
    this.caches = { flows: cache(FLOWS), expectations: cache(EXPECTATIONS) };
  }

  received(kind: Kind, change: Change, record: Uint8Array): void {
    const cache = kind === FLOWS ? this.caches.flows : this.caches.expectations;
    if (change === Change.NEW) cache.replace(record);
    else if (change === Change.UPDATE) cache.update(record);
    else {
      const known = cache.find(record);
      if (known !== undefined) cache.remove(known);
    }
  }
}
