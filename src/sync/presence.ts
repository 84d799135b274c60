/** A peer that sends nothing for so long, in ms, is silent: every node sends something each second. */
const SILENT_MS = 5000;
const REVIEW_MS = 1000;

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

/** When the presence of peers is looked at: once a second. */
export class PresenceClock {
  dueAt: number;

  /** @param now milliseconds, as all times here */
  constructor(now: number) {
    this.dueAt = now + REVIEW_MS;
  }

  /** Returns whether it is time, and if so, begins the next second. */
  take(now: number): boolean {
    if (now < this.dueAt) return false;
    this.dueAt = now + REVIEW_MS;
    return true;
  }
}
