import type { WriteLine } from '../process/log-entry.ts';

/** Minimum time between two log lines about a helper that fails. */
const INTERVAL_MS = 60_000;

/** Logs at how many packets helpers failed, and why at the first one, at most once a minute. */
export class FailureLog {
  private readonly log: { readonly error: WriteLine };
  private readonly now: () => number;
  private unlogged = 0;
  private loggedAtMs = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a clock that never goes back */
  constructor(log: { readonly error: WriteLine }, now: () => number) {
    this.log = log;
    this.now = now;
  }

  note(helper: string, error: unknown): void {
    this.unlogged++;
    const nowMs = this.now();
    if (nowMs - this.loggedAtMs < INTERVAL_MS) return;
    const packets = this.unlogged === 1 ? 'a packet' : `${this.unlogged} packets`;
    this.log.error(
      `${helper}: cannot inspect ${packets}, which went on; the last: ${(error as Error).message}`,
      { event: 'helper_failed', helper, packets: this.unlogged, reason: (error as Error).message },
    );
    this.unlogged = 0;
    this.loggedAtMs = nowMs;
  }
}
