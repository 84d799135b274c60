import { inMib } from '../../config/memory-need.ts';
import { everyAbout } from '../../system/process/chores.ts';
import type { WriteLine } from './log-entry.ts';

const CHECK_INTERVAL_MS = 10_000;
/** The part of the limit from which on the log warns, and below which it may warn again. */
const NEAR = 0.9;
const FAR = 0.8;

export interface MemoryLog {
  readonly warning: WriteLine;
}

/** Warns when the process comes near its limit, where the kernel kills it without a word. */
export class MemoryWatch {
  private readonly cancelChecks: () => void;
  private isNear = false;

  /** @param limit bytes */
  constructor(limit: number, log: MemoryLog, intervalMs = CHECK_INTERVAL_MS) {
    this.cancelChecks = everyAbout(intervalMs, () => {
      const used = process.memoryUsage.rss();
      if (used < FAR * limit) this.isNear = false;
      if (used < NEAR * limit || this.isNear) return;
      this.isNear = true;
      log.warning(
        `memory: ${inMib(used)} of the ${inMib(limit)} that the control group allows are used, and at the limit the kernel kills the ` +
          'daemon: raise MemoryMax= of the unit or the limit of the container, or lower HashLimit',
        { event: 'memory_near_limit', used_bytes: used, limit_bytes: limit },
      );
    });
  }

  close(): void {
    this.cancelChecks();
  }
}
