import type { LogFields, WriteLine } from '../process/log-entry.ts';

/** Minimum time between two log lines about malformed messages. */
const INTERVAL_MS = 60_000;

/** Who sends messages that may be malformed. */
export type MalformedSource = NonNullable<LogFields['source']>;

export interface MalformedLogSink {
  readonly warning: WriteLine;
}

/** Logs how many messages of one source were malformed, and why the first of them was, at most once a minute. */
export class MalformedLog {
  private readonly source: MalformedSource;
  private readonly takeReason: () => string | undefined;
  private readonly log: MalformedLogSink;
  private readonly now: () => number;
  /** Malformed messages that the log has mentioned. */
  private logged = 0;
  private loggedAtMs = Number.NEGATIVE_INFINITY;

  /**
   * @param takeReason why the first malformed message since the last call was; undefined if there was none
   * @param now milliseconds of a clock that never goes back
   */
  constructor(
    source: MalformedSource,
    takeReason: () => string | undefined,
    log: MalformedLogSink,
    now: () => number,
  ) {
    this.source = source;
    this.takeReason = takeReason;
    this.log = log;
    this.now = now;
  }

  /** @param count malformed messages since the start */
  note(count: number): void {
    if (count === this.logged) return;
    const nowMs = this.now();
    if (nowMs - this.loggedAtMs < INTERVAL_MS) return;
    const reason = this.takeReason();
    if (reason === undefined) return;
    const unlogged = count - this.logged;
    this.logged = count;
    this.loggedAtMs = nowMs;
    const messages = unlogged === 1 ? '1 malformed message' : `${unlogged} malformed messages`;
    this.log.warning(`ignored ${messages} of ${this.source}; the first: ${reason}`, {
      event: 'malformed',
      source: this.source,
      messages: unlogged,
      messages_total: count,
      reason,
    });
  }
}
