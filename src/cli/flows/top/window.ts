/** What happens to flows between two readings of the kernel's table. */

import { Change } from '../../../flow/change.ts';
import { EventListing } from '../../../kernel/listing/event-listing.ts';
import { type FlowFilter, passes } from '../filter/parse.ts';
import type { FlowContext } from '../filter/truth.ts';
import type { GroupKey } from '../group/group-key.ts';
import { GroupTable } from '../group/group-table.ts';

/** Events read in one turn. */
const TURN = 20_000;

/**
 * Counts, by group, the flows that begin and those that end, from the kernel's events. With the bytes of those that ended,
 * what a group carried meanwhile is what its flows have now, and those had, less what they had before.
 */
export class EventWindow {
  began: GroupTable;
  ended: GroupTable;
  private readonly listing = new EventListing([Change.NEW, Change.DESTROY]);
  private readonly filter: FlowFilter;
  private readonly context: FlowContext;
  private overruns = 0;

  /** @throws KernelError */
  constructor(key: GroupKey, filter: FlowFilter, context: FlowContext) {
    this.filter = filter;
    this.context = context;
    this.began = new GroupTable(key);
    this.ended = new GroupTable(key);
  }

  /** Counts the events that are waiting. */
  read(): void {
    this.listing.read((change, flow) => {
      if (!passes(this.filter, flow, this.context)) return;
      (change === Change.NEW ? this.began : this.ended).add(flow);
    }, TURN);
  }

  /** True if the kernel dropped events since the last call, so that the counts are too low. */
  takeLost(): boolean {
    const lost = this.listing.overruns > this.overruns;
    this.overruns = this.listing.overruns;
    return lost;
  }

  /** Starts over. */
  clear(): void {
    this.began = new GroupTable(this.began.key);
    this.ended = new GroupTable(this.ended.key);
  }

  close(): void {
    this.listing.close();
  }
}
