/** A bulk is over when it has confirmed nothing for so long, in seconds. The protocol has no word for its end. */
const QUIET_S = 10;
/** How often the peer is asked before few answers are believed: a request or its bulk may be lost. */
const ATTEMPTS_MAX = 3;

/** What a round needs to know of the flows that are kept. */
export interface RoundFlows {
  readonly size: number;
  /** How many of them the peer has not spoken of since then, in seconds. */
  unconfirmed(seconds: number): number;
}

/**
 * One resync with the peer: it is asked for all that it has, and what it then does not speak of it has no longer. Times are
 * seconds of the caches' clock.
 */
export class ResyncRound {
  private readonly flows: RoundFlows;
  private readonly ask: () => void;
  private attempts = 0;
  private startedAt = 0;
  private left = 0;
  private progressAt = 0;
  private isOpen = false;

  /** @param ask asks the peer for all that it has */
  constructor(flows: RoundFlows, ask: () => void) {
    this.flows = flows;
    this.ask = ask;
  }

  get isUnderWay(): boolean {
    return this.isOpen;
  }

  /** Begins a round, or starts the one that is under way again. */
  begin(seconds: number): void {
    this.attempts = 0;
    this.attempt(seconds);
  }

  cancel(): void {
    this.isOpen = false;
  }

  /**
   * Goes on with the round. Returns the time before which what the peer last spoke of is gone, once the round is over;
   * undefined until then.
   * @param isPeerAlive whether the peer can be expected to answer
   */
  step(seconds: number, isPeerAlive: boolean): number | undefined {
    if (!this.isOpen) return undefined;
    const left = this.flows.unconfirmed(this.startedAt);
    if (left !== this.left || !isPeerAlive) {
      this.left = left;
      this.progressAt = seconds;
    }
    if (seconds - this.progressAt < QUIET_S) return undefined;
    // A peer that has lost more than half of its flows says the same twice more.
    if (left > this.flows.size - left && this.attempts < ATTEMPTS_MAX) {
      this.attempt(seconds);
      return undefined;
    }
    this.isOpen = false;
    return this.startedAt;
  }

  private attempt(seconds: number): void {
    this.attempts++;
    this.isOpen = true;
    this.startedAt = seconds;
    this.progressAt = seconds;
    this.left = this.flows.unconfirmed(seconds);
    this.ask();
  }
}
