import type { InternalCache } from '../table/internal-cache.ts';
import { decodeExpectation } from '../wire/decode.ts';
import { encodeFlow } from '../wire/encode.ts';

/** Which expectations are replicated: those of the helpers named, whose master flow is in the internal cache. */
export class ExpectationFilter {
  private readonly helpers: readonly string[] | undefined;
  private readonly enabled: boolean;
  private readonly flows: InternalCache;

  /** @param sync ExpectationSync: off, on, or the beginnings of helper names */
  constructor(sync: boolean | readonly string[], flows: InternalCache) {
    this.enabled = sync !== false;
    this.helpers = typeof sync === 'boolean' ? undefined : sync.map((name) => name.toLowerCase());
    this.flows = flows;
  }

  /** True if the expectation `bytes[0, length)` is to be replicated. */
  accepts(bytes: Uint8Array, length: number): boolean {
    if (!this.enabled) return false;
    const { helper, master } = decodeExpectation(bytes, 0, length);
    if (this.helpers) {
      const name = helper?.toLowerCase();
      if (name === undefined || !this.helpers.some((wanted) => name.startsWith(wanted))) return false;
    }
    const key = encodeFlow({ original: master });
    return this.flows.table.find(key, 0, key.length) >= 0;
  }
}
