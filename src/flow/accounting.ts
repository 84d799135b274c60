/** What the kernel counted of one direction of a flow. */
export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** What the kernel says of a flow beside its state, where it is asked to. */
export interface Accounting {
  /** `nf_conntrack_acct` */
  readonly original?: Count;
  readonly reply?: Count;
  /** How long the flow has lived, in whole seconds (`nf_conntrack_timestamp`). */
  readonly duration?: number;
}

/** Of a flow of which nothing more is known. */
export const NO_ACCOUNTING: Accounting = {};
