import type { RefusalReason, Refusals } from '../../../link/intake/refusals.ts';
import type { WriteLine } from '../../process/log-entry.ts';

/** Minimum time between two log lines about one reason on one link. */
const INTERVAL_MS = 60_000;

/** What to say about a number of them, before their sender. What is usual when a node starts has no line. */
const TEXTS: Readonly<Partial<Record<RefusalReason, string>>> = {
  sender: 'because of the sender',
  unsealed: 'without a seal (that node has no key_file)',
  sealed: 'with a seal (that node has a key_file, this one has not)',
  'other-key': 'sealed with a key that is not in our key_file',
  forged: 'with a wrong seal (changed or forged)',
  replayed: 'seen before (repeated or played back)',
};
const REASONS = Object.keys(TEXTS) as RefusalReason[];

const ADVICE = '; if that is the peer, name it in senders of [links] in the settings file';

export interface RefusalLogSink {
  readonly warning: WriteLine;
}

/** Logs what one link refuses, each reason at most once a minute. */
export class RefusalLog {
  private readonly device: string;
  private readonly log: RefusalLogSink;
  private readonly now: () => number;
  private readonly logged = REASONS.map(() => ({ count: 0, atMs: Number.NEGATIVE_INFINITY }));

  /**
   * @param device the link's interface
   * @param now milliseconds of a clock that never goes back
   */
  constructor(device: string, log: RefusalLogSink, now: () => number) {
    this.device = device;
    this.log = log;
    this.now = now;
  }

  /** Something was refused. */
  note(refusals: Refusals): void {
    const nowMs = this.now();
    for (const [n, reason] of REASONS.entries()) {
      const last = this.logged[n]!;
      const count = refusals.countOf(reason);
      if (count === last.count || nowMs - last.atMs < INTERVAL_MS) continue;
      this.log.warning(
        `refused ${count - last.count} on link ${this.device} ${TEXTS[reason]}, the last of ` +
          `${refusals.lastOf(reason)}${reason === 'sender' ? ADVICE : ''}`,
        {
          event: 'datagrams_refused',
          link: this.device,
          reason,
          refused: count - last.count,
          refused_total: count,
          sender_address: refusals.lastOf(reason),
        },
      );
      this.logged[n] = { count, atMs: nowMs };
    }
  }
}
