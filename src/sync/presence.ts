/** A peer that sends nothing for so long, in ms, is silent: every node sends something each second. */
const SILENT_MS = 5000;
/** From one review to the next: at least, where the engine is called anyway, and at most. */
const REVIEW_MIN_MS = 500;
const REVIEW_MAX_MS = 1500;

/** Whether somebody is heard. */
export class Presence {
  /** When the last message came, in milliseconds; -infinity before the first. */
  heardAt = Number.NEGATIVE_INFINITY;
  isSilent = false;

  /** A message came. Returns for how long, in milliseconds, nobody was heard if it ends a silence; else 0. */
  note(now: number): number {
    const silentMs = this.isSilent ? now - this.heardAt : 0;
    this.heardAt = now;
    this.isSilent = false;
    return silentMs;
  }

  /** Returns for how long, in milliseconds, nobody was heard if a silence has begun since the last call; else 0. */
  review(now: number): number {
    const silentMs = now - this.heardAt;
    if (this.isSilent || silentMs < SILENT_MS || this.heardAt === Number.NEGATIVE_INFINITY) return 0;
    this.isSilent = true;
    return silentMs;
  }
}

/**
 * When the presence of peers is looked at: about once a second, at a time when the engine has something else to do, so that an idle
 * node does not wake for it.
 */
export class PresenceClock {
  /** When it has to be looked at, in milliseconds. */
  dueAt: number;

  /** @param now milliseconds, as all times here */
  constructor(now: number) {
    this.dueAt = now + REVIEW_MAX_MS;
  }

  /** Returns whether it may be looked at now, and if so, begins the next interval. */
  take(now: number): boolean {
    if (now < this.dueAt - (REVIEW_MAX_MS - REVIEW_MIN_MS)) return false;
    this.dueAt = now + REVIEW_MAX_MS;
    return true;
  }
}
