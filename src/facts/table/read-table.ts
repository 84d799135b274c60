import { setImmediate } from 'node:timers/promises';
import { TableListing } from '../../kernel/listing/table-listing.ts';
import { readTimeoutSetting } from '../../kernel/listing/timeout-settings.ts';
import { TableCount } from './table-count.ts';
import type { TableFact } from './table-fact.ts';
import { UnansweredWatch } from './unanswered-watch.ts';

/** Attempts at a table that the kernel resizes meanwhile. */
const ATTEMPTS = 3;
/** For how long a reading keeps the process, in milliseconds. */
const TURN_MS = 40;

/** Reads the whole table, and what changed since it did so before. */
export class TableReader {
  private readonly unanswered = new UnansweredWatch();
  private lastReadMs: number | undefined;

  /** Counts the table as it is now. @throws KernelError */
  async read(): Promise<TableFact> {
    const count = new TableCount(readTimeoutSetting);
    for (let attempt = 1; ; attempt++) {
      const start = performance.now();
      this.unanswered.begin(this.lastReadMs === undefined ? 0 : (start - this.lastReadMs) / 1000);
      const { interrupted, malformed } = await this.readOnce(count);
      if (interrupted && attempt < ATTEMPTS) {
        count.clear();
        continue;
      }
      const refreshed = this.unanswered.end();
      this.lastReadMs = start;
      const takenMs = Math.round(performance.now() - start);
      return count.result({ interrupted, malformed, takenMs }, refreshed);
    }
  }

  private async readOnce(count: TableCount): Promise<Pick<TableFact, 'interrupted' | 'malformed'>> {
    const listing = new TableListing();
    const { unanswered } = this;
    try {
      let turn = performance.now();
      while (
        !listing.step((flow) => {
          count.add(flow);
          unanswered.add(flow);
        })
      ) {
        if (performance.now() - turn < TURN_MS) continue;
        await setImmediate();
        turn = performance.now();
      }
      return { interrupted: listing.interrupted, malformed: listing.malformed };
    } finally {
      listing.close();
    }
  }
}
