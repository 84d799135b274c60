/** Bytes allocated an event; Infinity (null as JSON) if no attempt went by without a collection. */
export interface SteadyState {
  /** Of flows that are known. */
  readonly updates: number;
  /** Of flows that end and begin. */
  readonly renewals: number;
  /** As `updates`, with one small object made for each event beside: what the figures look like where something is wrong. */
  readonly withAnObject: number;
  /** In the peer's cache at the end, and how many there should be. */
  readonly flows: number;
  readonly expected: number;
}
