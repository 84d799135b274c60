import type { SealReason, SealRefusals } from '../../../link/sealed/refusals.ts';
import type { RefusalLogSink } from './refusal-log.ts';

/** Minimum time between two log lines about one reason on one link. */
const INTERVAL_MS = 60_000;

/** What the datagrams are, behind their number and before their sender. */
const TEXTS: Readonly<Record<SealReason, string>> = {
  unsealed: 'without a seal (that node has no key_file) refused',
  'other-key': 'sealed with a key that is not in our key_file refused',
  forged: 'with a wrong seal (changed or forged) refused',
  replayed: 'seen before (repeated or played back) refused',
  unproved: 'of a node that has not answered yet refused',
  sealed: 'with a seal refused (that node has a key_file, ours is not set)',
};

/** Logs what links refuse for its seal, or for the lack of one: each reason on each link at most once a minute. */
export class SealLog {
  private readonly devices: readonly string[];
  private readonly refusalsOn: (link: number) => SealRefusals;
  private readonly log: RefusalLogSink;
  private readonly now: () => number;
  /** By link and reason. */
  private readonly logged = new Map<string, { readonly count: number; readonly atMs: number }>();

  /** @param now milliseconds of a clock that never goes back */
  constructor(
    devices: readonly string[],
    refusalsOn: (link: number) => SealRefusals,
    log: RefusalLogSink,
    now: () => number,
  ) {
    this.devices = devices;
    this.refusalsOn = refusalsOn;
    this.log = log;
    this.now = now;
  }

  /** A datagram was refused. */
  note(link: number, reason: SealReason): void {
    const key = `${link}/${reason}`;
    const last = this.logged.get(key);
    const atMs = this.now();
    if (last !== undefined && atMs - last.atMs < INTERVAL_MS) return;
    const refusals = this.refusalsOn(link);
    const count = refusals.counts[reason];
    this.logged.set(key, { count, atMs });
    this.log.warning(
      `link ${this.devices[link]}: ${count - (last?.count ?? 0)} datagrams ${TEXTS[reason]}, the last of ${refusals.last[reason]}`,
    );
  }
}
