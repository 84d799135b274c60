import type { Cancel, Runtime } from '../../common/runtime.ts';

/** From the end of one look to the next, in seconds: flows of timeouts of 20 s and more are renewed in time. */
const INTERVAL_S = 5;
/**
 * Pause after each read of a look, of some hundred entries, in ms. It bounds what a look takes of the processor, whatever the size of
 * the table, and keeps the look short: what is not renewed in half of its timeout may end at the peers.
 */
export const LOOK_PAUSE_MS = 2;

/**
 * Says when a node with several active peers looks at its kernel's table: which flows have packets here shows nowhere else, because
 * a packet that only prolongs a flow makes no event.
 */
export class LookSchedule {
  private readonly runtime: Pick<Runtime, 'after' | 'yieldToLoop'>;
  private readonly look: () => Promise<void>;
  private cancel: Cancel | undefined;
  private closed = false;

  /** @param look does not reject */
  constructor(runtime: Pick<Runtime, 'after' | 'yieldToLoop'>, look: () => Promise<void>) {
    this.runtime = runtime;
    this.look = look;
  }

  start(): void {
    this.scheduleNext();
  }

  close(): void {
    this.closed = true;
    this.cancel?.();
  }

  private scheduleNext(): void {
    if (this.closed) return;
    this.cancel = this.runtime.after(1000 * INTERVAL_S, () => void this.run());
  }

  private async run(): Promise<void> {
    // What has arrived until now is handled first: the look finds the less.
    await this.runtime.yieldToLoop();
    await this.look();
    this.scheduleNext();
  }
}
