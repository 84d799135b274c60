/** Minimum time between two log lines about one link. */
const INTERVAL_MS = 60_000;

export interface RefusalLogSink {
  warning(text: string): void;
}

/** What was refused because of who sent it: how much, and the last one's address. */
export interface Refused {
  readonly count: number;
  readonly last: string | undefined;
}

/** Logs what a link refuses because of who sent it, at most once a minute. */
export class RefusalLog {
  private readonly device: string;
  private readonly refused: () => Refused;
  private readonly log: RefusalLogSink;
  private readonly now: () => number;
  private logged = 0;
  private loggedAtMs = Number.NEGATIVE_INFINITY;

  /** @param now milliseconds of a clock that never goes back */
  constructor(device: string, refused: () => Refused, log: RefusalLogSink, now: () => number) {
    this.device = device;
    this.refused = refused;
    this.log = log;
    this.now = now;
  }

  /** Something was refused. */
  note(): void {
    const nowMs = this.now();
    if (nowMs - this.loggedAtMs < INTERVAL_MS) return;
    const { count, last } = this.refused();
    const unlogged = count - this.logged;
    this.logged = count;
    this.loggedAtMs = nowMs;
    this.log.warning(
      `refused ${unlogged} on link ${this.device} because of the sender, the last of ${last}: if that is the peer, name it in senders of [links] in the settings file`,
    );
  }
}
