import { setImmediate } from 'node:timers/promises';
import { type ListingSink, TableListing } from '../../kernel/listing/table-listing.ts';
import { readTimeoutSetting } from '../../kernel/listing/timeout-settings.ts';
import { TableCount } from './table-count.ts';
import type { TableFact } from './table-fact.ts';
import { UnansweredWatch } from './unanswered-watch.ts';

/** For how long a reading keeps the process, in milliseconds. */
const TURN_MS = 40;

/** Reads the whole table, and what changed since it did so before. */
export class TableReader {
  private readonly unanswered = new UnansweredWatch();
  private lastReadMs: number | undefined;

  /** Counts the table as it is now. @throws KernelError */
  async read(): Promise<TableFact> {
    const count = new TableCount(readTimeoutSetting);
    const { unanswered, lastReadMs } = this;
    const start = performance.now();
    const begin = () =>
      unanswered.begin(lastReadMs === undefined ? 0 : (performance.now() - lastReadMs) / 1000);
    begin();
    const listing = new TableListing();
    const sink: ListingSink = {
      take(flow) {
        count.add(flow);
        unanswered.add(flow);
      },
      restarted() {
        count.clear();
        begin();
      },
    };
    try {
      let turn = performance.now();
      while (!listing.step(sink)) {
        if (performance.now() - turn < TURN_MS) continue;
        await setImmediate();
        turn = performance.now();
      }
    } finally {
      listing.close();
    }
    this.lastReadMs = start;
    const { interrupted, malformed } = listing;
    const takenMs = Math.round(performance.now() - start);
    return count.result({ interrupted, malformed, takenMs }, unanswered.end());
  }
}
