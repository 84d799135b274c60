/** Bytes allocated per event; Infinity (null as JSON) if a collection ran during every attempt. */
export interface SteadyState {
  /** For flows that the peer knows. */
  readonly updates: number;
  /** For flows that end and begin. */
  readonly renewals: number;
  /** Like `updates`, with one additional small object per event: shows what the figures look like when something is wrong. */
  readonly withAnObject: number;
  /** Flows in the peer's cache at the end, and the expected number. */
  readonly flows: number;
  readonly expected: number;
}
