import type { Bulk } from '../../src/sync/engine.ts';
import { Violation } from './violation.ts';

/** Milliseconds from the beginning of one bulk to that of the next that no operator asked for, and for each record of the first. */
const INTERVAL_MS = 1000;
const INTERVAL_MS_PER_RECORD = 0.02;
const ROUNDING_MS = 0.001;

/** Checks that peers, whoever they are, cannot make a node send all the time. */
export class BulkCheck {
  private last: Bulk | undefined;
  private commandedAt = Number.NEGATIVE_INFINITY;

  /** An operator or a script asked for a bulk, at this virtual millisecond. */
  noteCommand(now: number): void {
    this.commandedAt = now;
  }

  /** @throws Violation */
  check(bulk: Bulk | undefined): void {
    const { last } = this;
    if (bulk === undefined || bulk.at === last?.at) return;
    this.last = bulk;
    const least = last && Math.max(INTERVAL_MS, last.records * INTERVAL_MS_PER_RECORD);
    if (last && this.commandedAt < last.at && bulk.at - last.at < least! - ROUNDING_MS)
      throw new Violation(
        'bulks follow each other too soon',
        `${bulk.at - last.at} ms after ${last.records} records`,
      );
  }
}
