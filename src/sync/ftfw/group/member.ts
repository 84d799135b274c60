import { after, previous } from '../../../wire/sequence.ts';
import { LATE_MS } from '../series/series-pulse.ts';
import { isInRuns, MissingNumbers, type Run } from './missing-numbers.ts';

/** Incarnations whose reports may still come, that are remembered for {@link LATE_MS}. */
const FORMER_MAX = 4;
/** How long, in ms, a sender that has not said that it is one of ours may still say so. */
export const GRACE_MS = 5000;

const NONE = -1;

/** What is known of a peer as a member of a group of ours. */
export class Member {
  /** The first number of its series, which names its incarnation; -1 until its first report. */
  id = NONE;
  /** Which of its numbers did not come. */
  readonly missing = new MissingNumbers();
  /** The last number that it says it has sent, if nothing showed that before; -1 if there is none. */
  tail = NONE;
  /** Whether it keeps for us what we have not acknowledged, as far as it said: otherwise it does not know us. */
  keepsForUs = false;
  /** Whether it awaits that we acknowledge something, as far as it said. */
  awaitsUs = false;
  /** When its last report came that awaits something of others than us, in milliseconds: it hears them, whether or not we do. */
  awaitedOthersAt = Number.NEGATIVE_INFINITY;
  /** The name of its last request for everything, 0 if there was none. */
  lastRequest = 0;
  private announced = false;
  /** Whether its ACKs have a flag of ours: all that a node says of itself as long as it sees one peer only. */
  private hasFlags = false;
  /** Until when, in milliseconds, it counts as one of ours without saying so. */
  private trustedUntil = Number.NEGATIVE_INFINITY;
  /** Until when it may still say so. */
  private graceUntil = Number.NEGATIVE_INFINITY;
  /** Missing numbers up to this one were asked for, by us or by others; -1: none. */
  private askedTo = NONE;
  private readonly former: { readonly id: number; readonly until: number }[] = [];

  /** It is heard for the first time, or has restarted: its numbers are followed from this one on. */
  start(sequence: number, now: number): void {
    this.endIncarnation(now);
    this.missing.start(sequence);
    this.tail = NONE;
    this.keepsForUs = false;
    this.awaitsUs = false;
    this.awaitedOthersAt = Number.NEGATIVE_INFINITY;
    this.lastRequest = 0;
    this.askedTo = NONE;
    this.graceUntil = now + GRACE_MS;
    if (this.announced) this.trustedUntil = this.graceUntil;
    this.announced = false;
    this.hasFlags = false;
  }

  /** An ACK of it has a flag that C does not know. */
  noteFlags(): void {
    this.hasFlags = true;
  }

  /** It says that it is one of ours. Returns whether that is new. */
  announce(): boolean {
    const isNew = !this.announced;
    this.announced = true;
    return isNew;
  }

  /** Whether it is one of ours. One that restarts stays one while it has the time to say so. */
  isOurs(now: number): boolean {
    return this.announced || now < this.trustedUntil;
  }

  /** Whether it is one of ours, and understands reports whether or not it has sent any. */
  understandsReports(now: number): boolean {
    return this.hasFlags || this.isOurs(now);
  }

  /** The same, or it may still turn out to be. */
  mayBeOurs(now: number): boolean {
    return this.understandsReports(now) || now < this.graceUntil;
  }

  /** Whether the name is that of an incarnation that ended a short while ago. */
  wasIncarnation(id: number, now: number): boolean {
    return this.former.some((one) => one.id === id && now < one.until);
  }

  /** Whether it has said since it started that it is one of ours. */
  get hasAnnounced(): boolean {
    return this.announced;
  }

  /** Whether something of it is missing that it may send again. */
  lacks(now: number): boolean {
    return this.isOurs(now) && (this.tail !== NONE || !this.missing.isEmpty);
  }

  /** Whether anything that nobody asked for is missing. */
  get hasUnasked(): boolean {
    const last = this.missing.runs.at(-1);
    return this.tail !== NONE || (last !== undefined && this.isUnasked(last));
  }

  /** All that is missing is asked for now. */
  noteAsked(): void {
    const last = this.missing.runs.at(-1);
    if (last !== undefined) this.askedTo = last.to;
  }

  /** Another node asks for these numbers, and has received or asked for all others up to `last`. */
  noteOthersAsk(runs: readonly Run[], last: number): void {
    if (this.tail !== NONE && after(this.tail, last)) return;
    for (const run of this.missing.runs) {
      if (!this.isUnasked(run)) continue;
      if (!isInRuns(runs, run.from) || !isInRuns(runs, run.to)) return;
      this.askedTo = run.to;
    }
  }

  /** Nothing before this number is awaited of us. Returns the last missing number that is forgotten, -1 if there is none. */
  forgetBefore(sequence: number): number {
    const forgotten = this.missing.forgetBefore(sequence);
    if (this.tail === NONE || after(this.tail, previous(sequence))) return forgotten;
    this.tail = NONE;
    return previous(sequence);
  }

  private isUnasked({ to }: Run): boolean {
    return this.askedTo === NONE || after(to, this.askedTo);
  }

  private endIncarnation(now: number): void {
    if (this.id === NONE) return;
    if (this.former.length === FORMER_MAX) this.former.shift();
    this.former.push({ id: this.id, until: now + LATE_MS });
    this.id = NONE;
  }
}
