import type { Cancel, Runtime } from './runtime.ts';

/** From the start to the first recheck, in seconds, and from the first overrun of many at most. */
export const RECHECK_FIRST_S = 60;
/** From one recheck to the next at most, in seconds: no cache is wrong for longer than that. */
export const RECHECK_INTERVAL_MAX_S = 600;
/** From the last of some overruns to the recheck, in seconds. */
const AFTER_OVERRUN_S = 2;
/** An overrun after so many seconds without one is the first again. */
const CALM_S = 60;
/** A resync that comes so many seconds after an overrun leaves a recheck nothing to find. */
const SOON_S = 5;

/** Pause after each read of the dump, of some hundred entries, in ms: a recheck takes no time from events. */
export const RECHECK_PAUSE_MS = 5;
/** The same after events were lost: of 120,000 entries it is a second instead of five, and a peer lacks what was lost until then. */
export const DOUBT_PAUSE_MS = 1;

/**
 * Says when a cache of the kernel's table is to be compared with it, whatever the events said: a minute after the start, then
 * at intervals that double up to ten minutes; and when no overrun has happened for 2 s, unless a resync comes about as soon.
 * While there are overruns the pauses double, from 4 s up to a minute.
 *
 * Not every flow makes events. With `net.netfilter.nf_conntrack_events` at 2, the default since Linux 5.19, a flow that began
 * while nobody listened makes none, so no event may report the end of what a node found at its start. And what an overrun lost
 * is in doubt, also where NetlinkOverrunResync is off.
 */
export class RecheckSchedule {
  private readonly runtime: Pick<Runtime, 'after' | 'now'>;
  private readonly recheck: (pauseMs: number) => Promise<void>;
  private readonly afterOverrunMs: number;
  private intervalMs = 1000 * RECHECK_FIRST_S;
  /** From one recheck after an overrun to the next at least. */
  private pauseMs: number;
  private lastAtMs = Number.NEGATIVE_INFINITY;
  private overrunAtMs = Number.NEGATIVE_INFINITY;
  /** The first overrun since the last recheck began; infinity if there was none. */
  private doubtSinceMs = Number.POSITIVE_INFINITY;
  private cancel: Cancel | undefined;
  private isRunning = false;
  private closed = false;

  /**
   * @param overrunResync seconds from an overrun to a resync with the kernel's table; 0 or less: there is none
   * @param recheck compares cache and table, with a pause after each read; it does not reject
   */
  constructor(
    runtime: Pick<Runtime, 'after' | 'now'>,
    overrunResync: number,
    recheck: (pauseMs: number) => Promise<void>,
  ) {
    this.runtime = runtime;
    this.recheck = recheck;
    const isResyncSoon = overrunResync > 0 && overrunResync <= SOON_S;
    this.afterOverrunMs = 1000 * (isResyncSoon ? RECHECK_FIRST_S : AFTER_OVERRUN_S);
    this.pauseMs = this.afterOverrunMs;
  }

  start(): void {
    this.lastAtMs = this.runtime.now();
    this.scheduleNext();
  }

  close(): void {
    this.closed = true;
    this.cancel?.();
  }

  /** Events were lost: the cache is in doubt. */
  noteOverrun(): void {
    const now = this.runtime.now();
    if (now - this.overrunAtMs >= 1000 * CALM_S) this.pauseMs = this.afterOverrunMs;
    this.overrunAtMs = now;
    this.doubtSinceMs = Math.min(this.doubtSinceMs, now);
    this.intervalMs = 1000 * RECHECK_FIRST_S;
    if (!this.isRunning) this.scheduleNext();
  }

  private get dueAtMs(): number {
    const { lastAtMs, overrunAtMs, doubtSinceMs } = this;
    const regular = lastAtMs + this.intervalMs;
    if (doubtSinceMs === Number.POSITIVE_INFINITY) return regular;
    const settled = Math.max(overrunAtMs + this.afterOverrunMs, lastAtMs + this.pauseMs);
    return Math.min(settled, doubtSinceMs + 1000 * RECHECK_FIRST_S);
  }

  private scheduleNext(): void {
    if (this.closed) return;
    this.cancel?.();
    const waitMs = Math.max(0, this.dueAtMs - this.runtime.now());
    this.cancel = this.runtime.after(waitMs, () => void this.run());
  }

  private async run(): Promise<void> {
    this.isRunning = true;
    const isInDoubt = this.doubtSinceMs < Number.POSITIVE_INFINITY;
    if (isInDoubt) this.pauseMs = Math.min(2 * this.pauseMs, 1000 * RECHECK_FIRST_S);
    this.doubtSinceMs = Number.POSITIVE_INFINITY;
    await this.recheck(isInDoubt ? DOUBT_PAUSE_MS : RECHECK_PAUSE_MS);
    this.intervalMs = Math.min(2 * this.intervalMs, 1000 * RECHECK_INTERVAL_MAX_S);
    this.lastAtMs = this.runtime.now();
    this.isRunning = false;
    this.scheduleNext();
  }
}
