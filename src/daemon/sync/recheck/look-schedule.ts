import type { Cancel, Runtime } from '../../common/runtime.ts';

/** From the end of one look to the next, in seconds: flows of timeouts of 20 s and more are renewed in time. */
const INTERVAL_S = 5;
/** A look takes a tenth of the time at most: of a large table there are fewer. */
const PAUSE_FACTOR = 9;

/**
 * Says when a node with several active peers looks at its kernel's table: which flows have packets here shows nowhere else, because
 * a packet that only prolongs a flow makes no event.
 */
export class LookSchedule {
  private readonly runtime: Pick<Runtime, 'after' | 'now' | 'yieldToLoop'>;
  private readonly look: () => Promise<void>;
  private cancel: Cancel | undefined;
  private closed = false;

  /** @param look does not reject */
  constructor(runtime: Pick<Runtime, 'after' | 'now' | 'yieldToLoop'>, look: () => Promise<void>) {
    this.runtime = runtime;
    this.look = look;
  }

  start(): void {
    this.scheduleNext(0);
  }

  close(): void {
    this.closed = true;
    this.cancel?.();
  }

  private scheduleNext(takenMs: number): void {
    if (this.closed) return;
    const waitMs = Math.max(1000 * INTERVAL_S, PAUSE_FACTOR * takenMs);
    this.cancel = this.runtime.after(waitMs, () => void this.run());
  }

  private async run(): Promise<void> {
    // What has arrived until now is handled first: the look finds the less.
    await this.runtime.yieldToLoop();
    const startMs = this.runtime.now();
    await this.look();
    this.scheduleNext(this.runtime.now() - startMs);
  }
}
