import type { Chance } from './chance.ts';

/** Milliseconds for each peer within which a node asks for what it misses: long enough that most hear another one ask first. */
const BACKOFF_MS_PER_PEER = 5;
/** Milliseconds for each peer from one report to the next, at least: so a group sends 200 reports a second at most, of whatever size. */
const INTERVAL_MS_PER_PEER = 5;
/** Milliseconds for each peer until a node that still misses something says so again; twice as many each time. */
const RETRY_MS_PER_PEER = 20;
/** No pause is longer, in ms. */
const PAUSE_MAX_MS = 1000;

/**
 * When a node reports to its group. Each pause has a part that is random, and grows with the group: then one of those who miss the
 * same message asks first, the others hear it and wait, and all reports together do not grow with the group.
 */
export class ReportSchedule {
  private readonly chance: Chance;
  private due = Number.POSITIVE_INFINITY;
  private lastAt = Number.NEGATIVE_INFINITY;
  private retries = 0;
  /** Whether a random pause runs, at whose end the node asks. */
  private isDrawn = false;

  constructor(chance: Chance) {
    this.chance = chance;
  }

  /** When a report is due, in milliseconds; infinity if nothing is to be said. */
  get dueAt(): number {
    return this.due;
  }

  /** Something new is missing, and is asked for soon unless another one does. @param peers in the group beside this node */
  noteMissing(peers: number, now: number): void {
    this.retries = 0;
    // The least of many draws would be none.
    if (this.isDrawn) return;
    this.isDrawn = true;
    // Nodes that reported at the same moment, as they do when all start, are not to go on so.
    const from = Math.max(now, this.lastAt + INTERVAL_MS_PER_PEER * peers);
    this.due = Math.min(this.due, from + this.chance.fraction() * BACKOFF_MS_PER_PEER * peers);
  }

  /** There is something to acknowledge. */
  noteReceived(now: number): void {
    // The least of many draws would be none: nodes that hear the same messages would speak at once.
    if (this.due <= now + PAUSE_MAX_MS) return;
    this.due = now + (0.75 + 0.25 * this.chance.fraction()) * PAUSE_MAX_MS;
  }

  /** Others have asked for all that is missing: it may come without our asking. No report is put off for more than a second. */
  noteOthersAsked(peers: number, now: number): void {
    this.isDrawn = false;
    const latest = Math.max(now, this.lastAt + PAUSE_MAX_MS);
    this.due = Math.max(this.due, Math.min(now + this.pauseMs(peers), latest));
  }

  /** A report is sent. @param goesOn whether there will be something to say again */
  noteSent(goesOn: boolean, peers: number, now: number): void {
    this.isDrawn = false;
    this.lastAt = now;
    this.due = goesOn ? now + this.pauseMs(peers) : Number.POSITIVE_INFINITY;
    if (goesOn) this.retries++;
    else this.retries = 0;
  }

  /** Something happened that makes the next pauses short again. */
  reset(): void {
    this.retries = 0;
  }

  private pauseMs(peers: number): number {
    const longest = Math.min(PAUSE_MAX_MS, RETRY_MS_PER_PEER * peers * 2 ** Math.min(this.retries, 10));
    return longest * (0.75 + 0.25 * this.chance.fraction());
  }
}
