/** What a live node did that it should not, or that the other one did not. */
export interface Difference {
  /** What it is about, the same for the same kind. */
  readonly kind: string;
  /** In words, with what each node said. */
  readonly detail: string;
  /** The datagrams that brought it about, as few as that takes. */
  readonly datagrams: readonly Uint8Array[];
}
