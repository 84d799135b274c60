import type { Cancel, Runtime } from './runtime.ts';

/** From the start, and from an overrun, to the first recheck, in seconds. */
export const RECHECK_FIRST_S = 60;
/** From one recheck to the next at most, in seconds: no cache is wrong for longer than that. */
export const RECHECK_INTERVAL_MAX_S = 600;

/**
 * Says when a cache of the kernel's table is to be compared with it, whatever the events said: a minute after the start, then
 * at intervals that double up to ten minutes. An overrun begins that anew.
 *
 * Not every flow makes events. With `net.netfilter.nf_conntrack_events` at 2, the default since Linux 5.19, a flow that began
 * while nobody listened makes none, so no event may report the end of what a node found at its start. And what an overrun lost
 * is in doubt, also where NetlinkOverrunResync is off.
 */
export class RecheckSchedule {
  private readonly runtime: Pick<Runtime, 'after' | 'now'>;
  private readonly recheck: () => Promise<void>;
  private intervalS = RECHECK_FIRST_S;
  private dueAtMs = Number.POSITIVE_INFINITY;
  private cancel: Cancel | undefined;
  private isRunning = false;
  private closed = false;

  /** @param recheck compares cache and table; it does not reject */
  constructor(runtime: Pick<Runtime, 'after' | 'now'>, recheck: () => Promise<void>) {
    this.runtime = runtime;
    this.recheck = recheck;
  }

  start(): void {
    this.scheduleNext();
  }

  close(): void {
    this.closed = true;
    this.cancel?.();
  }

  /** Events were lost: the cache is in doubt. */
  noteOverrun(): void {
    this.intervalS = RECHECK_FIRST_S;
    const isSoon = this.dueAtMs <= this.runtime.now() + 1000 * RECHECK_FIRST_S;
    if (!isSoon && !this.isRunning) this.scheduleNext();
  }

  private scheduleNext(): void {
    if (this.closed) return;
    this.cancel?.();
    this.dueAtMs = this.runtime.now() + 1000 * this.intervalS;
    this.cancel = this.runtime.after(1000 * this.intervalS, () => void this.run());
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    this.intervalS = Math.min(2 * this.intervalS, RECHECK_INTERVAL_MAX_S);
    await this.recheck();
    this.isRunning = false;
    this.scheduleNext();
  }
}
