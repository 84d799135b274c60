import { Origin } from '../../flow/change.ts';
import type { Tuple } from '../../flow/tuple.ts';
import type { Batch, Kernel } from '../../kernel/kernel.ts';
import type { InternalCache } from '../../table/internal-cache.ts';
import { decodeExpectation } from '../../wire/decode.ts';
import { encodeFlow } from '../../wire/encode.ts';

export interface ExpectationFilterOptions {
  /** ExpectationSync: off, on, or prefixes of helper names. */
  readonly expectationSync: boolean | readonly string[];
  /** Without an internal cache the master is looked up in the kernel. */
  readonly disableInternalCache: boolean;
}

/** Decides which expectations are replicated: those of the helpers named, whose master flow is known. */
export class ExpectationFilter {
  private readonly helpers: readonly string[] | undefined;
  private readonly enabled: boolean;
  private readonly flows: InternalCache;
  private readonly kernel: Kernel | undefined;
  private batch: Batch | undefined;

  constructor(options: ExpectationFilterOptions, flows: InternalCache, kernel: Kernel) {
    const { expectationSync } = options;
    this.enabled = expectationSync !== false;
    this.helpers =
      typeof expectationSync === 'boolean' ? undefined : expectationSync.map((name) => name.toLowerCase());
    this.flows = flows;
    this.kernel = options.disableInternalCache ? kernel : undefined;
  }

  /**
   * Returns whether the expectation `bytes[0, length)` is to be replicated.
   * @throws KernelError
   */
  accepts(bytes: Uint8Array, length: number): boolean {
    if (!this.enabled) return false;
    const { helper, master } = decodeExpectation(bytes, 0, length);
    if (this.helpers) {
      const name = helper?.toLowerCase();
      if (name === undefined || !this.helpers.some((wanted) => name.startsWith(wanted))) return false;
    }
    return this.knows(master);
  }

  private knows(master: Tuple): boolean {
    const key = encodeFlow({ original: master });
    if (!this.kernel) return this.flows.table.find(key, 0, key.length) >= 0;
    this.batch ??= this.kernel.batch(Origin.OTHER);
    this.batch.clear();
    this.batch.probe(key, 0, key.length);
    return this.kernel.run(this.batch)[0] === 0;
  }
}
