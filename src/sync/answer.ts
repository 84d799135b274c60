/** Who confirms the records that come now. */
export interface Confirmer {
  /** A number for the peer and what it was asked last; 0 for nobody. */
  readonly mark: number;
  /** Whether only what a peer sends can show that it answers: see `evidence` of `ConfirmedRecords`. */
  readonly needsEvidence: boolean;
}

/** A peer has sent all that it has since it was asked, as far as the engine can tell. */
export interface Answer {
  /** True if a record with this mark is the peer's, and the answer did not bring it. */
  isStale(mark: number): boolean;
  /**
   * Whether what the answer did not bring may be dropped: `told` if the peer said that this is all; `quiet` if it only fell silent,
   * so that what it sent must show that it was an answer at all; `no` if it may still be sending.
   */
  readonly ends: 'told' | 'quiet' | 'no';
  /** Whether it was an answer, for one that the peer did not tell: without one the peer is asked again. */
  judge(isAnswer: boolean): void;
}

/** Requests for everything, and what peers answer. */
export interface Answers extends Confirmer {
  /** The peers are to be asked for everything, as soon as the interval allows. */
  ask(): void;
  /** There is room for records that found none. */
  noteRoom(): void;
  /** The answers that have come to their end since the last call. */
  takeAnswers(): readonly Answer[];
}
