/** The first pause between two requests of ours for everything, in ms; each pause is twice the one before it. */
const FIRST_MS = 1000;
/** The longest pause: where messages are lost all day, everything is asked for twice a minute. */
const LONGEST_MS = 32_000;
/** The pauses begin with the first one again when nothing was amiss for so long, in ms. */
const CALM_MS = 60_000;

/** When the peers are asked for everything: at once where something is amiss, and ever less often where it stays so. */
export class AskPace {
  /** Whether the peers are to be asked. */
  isPending = false;
  private isCommanded = false;
  private pauseMs = FIRST_MS;
  /** When they may be asked, in milliseconds. */
  private nextAt = Number.NEGATIVE_INFINITY;
  private amissAt = Number.NEGATIVE_INFINITY;
  private askedAt = Number.NEGATIVE_INFINITY;

  /** Something may be missing, or too much. */
  ask(now: number): void {
    if (now - this.amissAt >= CALM_MS) this.pauseMs = FIRST_MS;
    this.amissAt = now;
    this.isPending = true;
  }

  /** What is missing can be had now, and nothing is amiss. */
  askSoon(): void {
    this.isPending = true;
    this.nextAt = Math.min(this.nextAt, this.askedAt + FIRST_MS);
  }

  /** The peers are to be asked with the next transmission. */
  command(): void {
    this.isPending = true;
    this.isCommanded = true;
  }

  /** When {@link handleTimeout} is due, in milliseconds; infinity if it is not. */
  get dueAt(): number {
    return this.isPending && !this.isCommanded ? this.nextAt : Number.POSITIVE_INFINITY;
  }

  handleTimeout(now: number): void {
    if (now >= this.dueAt) this.isCommanded = true;
  }

  /** True if the peers are to be asked now. */
  isDue(now: number): boolean {
    return this.isCommanded || now >= this.dueAt;
  }

  noteAsked(now: number): void {
    this.isPending = false;
    this.isCommanded = false;
    this.askedAt = now;
    this.nextAt = now + this.pauseMs;
    this.pauseMs = Math.min(2 * this.pauseMs, LONGEST_MS);
  }
}
