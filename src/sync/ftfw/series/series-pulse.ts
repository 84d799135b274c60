/** A series that goes on is not silent for so long, in ms: every node sends something each second. */
export const SILENCE_MS = 1200;

/** How long after a restart older messages, and copies of a HELLO, may still arrive, in ms. */
export const LATE_MS = 3000;

/** Whether the series of numbers that is taken from a peer goes on. Times are in milliseconds. */
export class SeriesPulse {
  /** When its last message was taken. */
  takenAt = Number.NEGATIVE_INFINITY;
  private provenAt = Number.NEGATIVE_INFINITY;

  /** Another series is taken now. @param isProven whether its numbers have followed each other */
  begin(isProven: boolean, now: number): void {
    this.takenAt = now;
    this.provenAt = isProven ? now : Number.NEGATIVE_INFINITY;
  }

  /** A message of the series is taken. @param isNext whether its number is the one that was expected: chance does not hit that */
  note(isNext: boolean, now: number): void {
    this.takenAt = now;
    if (isNext) this.provenAt = now;
  }

  /** Whether the numbers have followed each other lately. */
  isProven(now: number): boolean {
    return now - this.provenAt < SILENCE_MS;
  }

  /** Whether the numbers have ever followed each other. */
  get wasProven(): boolean {
    return this.provenAt !== Number.NEGATIVE_INFINITY;
  }

  /** Whether nothing of the series came lately. */
  isSilent(now: number): boolean {
    return now >= this.silentAt;
  }

  /** When it is silent if nothing more comes. */
  get silentAt(): number {
    return this.takenAt + SILENCE_MS;
  }
}
