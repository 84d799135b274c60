import type { Expectation } from '../flow/expectation.ts';
import type { Flow } from '../flow/flow.ts';
import { decodeExpectation, decodeFlow } from '../wire/decode.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../wire/record.ts';
import type { Cache } from './cache.ts';
import { ExternalCache } from './external-cache.ts';
import { InternalCache } from './internal-cache.ts';
import { ExpectationKeyer, FlowKeyer } from './key.ts';
import { SlotState } from './record-table.ts';

/** The caches of one side of a node. */
export interface Caches<C extends Cache> {
  readonly flows: C;
  readonly expectations: C;
}

/**
 * Empty caches for what this node's kernel has.
 * @param limit most records of each (HashLimit)
 * @param seed see {@link FlowKeyer}
 * @param fastPaths see `RecordTable`
 */
export function internalCaches(limit: number, seed = 0, fastPaths = true): Caches<InternalCache> {
  return {
    flows: new InternalCache(FLOW_FORMAT, new FlowKeyer(seed), limit, fastPaths),
    expectations: new InternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(seed), limit, fastPaths),
  };
}

/** Empty caches for what the peer has; parameters as of {@link internalCaches}. */
export function externalCaches(limit: number, seed = 0, fastPaths = true): Caches<ExternalCache> {
  return {
    flows: new ExternalCache(FLOW_FORMAT, new FlowKeyer(seed), limit, fastPaths),
    expectations: new ExternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(seed), limit, fastPaths),
  };
}

/** The flows in a cache of flows, in no order, without those that have ended. */
export function flowsIn(cache: Cache): Flow[] {
  return recordsIn(cache, decodeFlow);
}

/** The same of a cache of expectations. */
export function expectationsIn(cache: Cache): Expectation[] {
  return recordsIn(cache, decodeExpectation);
}

function recordsIn<T>({ table }: Cache, decode: (bytes: Uint8Array, start: number, end: number) => T): T[] {
  const found: T[] = [];
  for (let slot = 0; slot < table.slots; slot++) {
    const state = table.stateOf(slot);
    if (state === SlotState.FREE || state === SlotState.DEAD) continue;
    const at = table.offsetOf(slot);
    found.push(decode(table.bytesOf(slot), at, at + table.sizeOf(slot)));
  }
  return found;
}
