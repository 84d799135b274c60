/** A round is repeated when the peer has sent neither a record nor the answer for so long, in ms. */
export const PATIENCE_MS = 1500;
/** The same where the peer goes on sending records. */
const PATIENCE_MAX_MS = 10_000;
/** Milliseconds between two looks at the rounds, at least. */
const REVIEW_MS = 50;
/** What was lost in a bulk has been sent again when nothing was lost for so long, in ms. */
export const REPAIR_MS = 1000;

/** One peer's part in the rounds. */
export class PeerRound {
  isOpen = false;
  /** Whether the peer has sent all that it was asked for; what was lost of it may still be missing. */
  isAnswered = false;
  /** Whether the peer has sent all that it was asked for, and a part may be missing that does not come again. */
  isFutile = false;
  attempts = 0;
  /** How many of the attempts the peer has not shown yet that it heard anything after. */
  private deafAttempts = 0;
  /** The last number that was taken of the peer when it was asked: what was missing up to there, the answer tells. */
  askedBehind = 0;
  /** When the peer was asked last, in milliseconds, as all times here. */
  askedAt = Number.NEGATIVE_INFINITY;
  /** When its last message was taken. */
  heardAt = Number.NEGATIVE_INFINITY;
  /** When its last record came, it acknowledged the request, or was asked. */
  progressAt = Number.NEGATIVE_INFINITY;
  /** When the last message was found missing, of it or of ours to it. */
  disturbedAt = Number.NEGATIVE_INFINITY;
  /**
   * Whether since it was asked a message was found missing, of it or of ours to it, or one of it was stale: a C node's answer does not
   * count then, nor does that of one that was not asked.
   */
  isDisturbed = true;

  /**
   * @param repeats whether nothing but the missing answer is the reason to ask again
   * @param sequence the last number that was taken of the peer
   */
  begin(repeats: boolean, sequence: number, now: number): void {
    const goesOn = repeats && this.isOpen;
    this.attempts = goesOn ? this.attempts + 1 : 1;
    this.deafAttempts = goesOn ? this.deafAttempts + 1 : 1;
    this.isOpen = true;
    this.isAnswered = false;
    this.isFutile = false;
    this.isDisturbed = false;
    this.askedBehind = sequence;
    this.askedAt = now;
    this.progressAt = now;
  }

  /** The peer hears us: where it was deaf, all attempts until now count as one. */
  noteHearing(): void {
    if (this.deafAttempts > 1) {
      this.attempts -= this.deafAttempts - 1;
      this.isOpen = true;
    }
    this.deafAttempts = 0;
  }

  /** A message is found missing, of the peer or of ours to it. */
  noteMissing(now: number): void {
    this.disturbedAt = now;
    this.isDisturbed = true;
  }

  /** When time alone may change something, in milliseconds; REVIEW_MS from now at least. */
  nextReviewAt(now: number): number {
    let next = now + PATIENCE_MS;
    for (const at of [this.disturbedAt + REPAIR_MS, this.progressAt + PATIENCE_MS])
      if (at > now && at < next) next = at;
    return Math.max(next, now + REVIEW_MS);
  }

  /**
   * Whether the peer may be asked again although something was missing just now: an answer has come, and only the next one can be whole.
   * Once: a link that goes on losing would make the peer send everything each second.
   */
  get repeatsAtOnce(): boolean {
    return this.isFutile && this.attempts === 1;
  }

  /** True if the answer does not come, or cannot be relied upon. */
  isOverdue(now: number): boolean {
    return this.isFutile || now - this.progressAt >= PATIENCE_MS || now - this.askedAt >= PATIENCE_MAX_MS;
  }
}
