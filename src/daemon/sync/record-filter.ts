import { Change } from '../../flow/change.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { type FilterRules, FlowFilter } from '../../sync/flow-filter.ts';
import type { InternalCache } from '../../table/internal-cache.ts';
import { ExpectationFilter, type ExpectationFilterOptions } from './expectation-filter.ts';

export interface RecordFilterOptions extends ExpectationFilterOptions {
  /** The Filter clause; undefined lets every flow through. */
  readonly filter: FilterRules | undefined;
}

/** Decides which of the kernel's flows and expectations are replicated. */
export class RecordFilter {
  private readonly flowFilter: FlowFilter | undefined;
  private readonly expectationFilter: ExpectationFilter;

  /** @param flows the internal cache, in which the master of an expectation is looked up */
  constructor(options: RecordFilterOptions, flows: InternalCache, kernel: Kernel) {
    this.flowFilter = options.filter && new FlowFilter(options.filter);
    this.expectationFilter = new ExpectationFilter(options, flows, kernel);
  }

  /** Returns whether the flow `bytes[0, length)` is replicated. */
  acceptsFlow(change: Change, bytes: Uint8Array, length: number): boolean {
    const { flowFilter } = this;
    return flowFilter === undefined || flowFilter.accepts(bytes, 0, length, change === Change.DESTROY);
  }

  /**
   * Returns whether the expectation `bytes[0, length)` is replicated.
   * @throws KernelError
   */
  acceptsExpectation(bytes: Uint8Array, length: number): boolean {
    return this.expectationFilter.accepts(bytes, length);
  }
}
