/** An action of a live node that it should not take, or that the other node did not take. */
export interface Difference {
  /** The kind of the difference; equal for equal kinds. */
  readonly kind: string;
  /** A description in words, with the output of each node. */
  readonly detail: string;
  /** The datagrams that cause the difference, as few as possible. */
  readonly datagrams: readonly Uint8Array[];
}
