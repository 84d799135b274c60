/** What the kernel counted of one direction of a flow. */
export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** Counters of a flow, where the kernel is configured to keep them. */
export interface Accounting {
  /** `nf_conntrack_acct` */
  readonly original?: Count;
  readonly reply?: Count;
  /** How long the flow has lived, in whole seconds (`nf_conntrack_timestamp`). */
  readonly duration?: number;
}

/** What a listing of the kernel's table tells of a flow beyond what a cache holds. */
export interface KernelDetails extends Accounting {
  readonly securityContext?: string;
  /** References to the kernel's entry. */
  readonly use?: number;
}

/** Of a flow that the kernel keeps no counters for. */
export const NO_ACCOUNTING: Accounting = {};
