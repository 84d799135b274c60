import type { Tuple } from './tuple.ts';

export interface TcpInfo {
  /** Index into `TCP_STATES`. */
  readonly state?: number;
  /** Window scale (shift count) in the original direction. */
  readonly scaleOriginal?: number;
  readonly scaleReply?: number;
}

export interface SctpInfo {
  /** Index into `SCTP_STATES`. */
  readonly state?: number;
  /** Verification tag in the original direction. */
  readonly tagOriginal?: number;
  readonly tagReply?: number;
}

export interface DccpInfo {
  /** Index into `DCCP_STATES`. */
  readonly state?: number;
  readonly role?: number;
}

/** What one end of a flow was translated to. */
export interface Translation {
  readonly address?: string;
  readonly port?: number;
}

/** How the sequence numbers of one direction were shifted by a helper that rewrote payload. */
export interface SequenceAdjustment {
  readonly position: number;
  readonly offsetBefore: number;
  readonly offsetAfter: number;
}

export interface Synproxy {
  readonly its: number;
  readonly isn: number;
  readonly tsoff: number;
}

/**
 * A flow as a person reads it. Caches never hold these: they hold records (see `wire/record.ts`), and a `Flow` is
 * decoded from one for a dump, a log line or a test. A field that is absent was not in the record.
 */
export interface Flow {
  readonly original: Tuple;
  /** Known where the flow was seen in a kernel. A received flow has only its translations. */
  readonly reply?: Tuple;
  /** `Status` bits. */
  readonly status?: number;
  /** Seconds until the flow expires. */
  readonly timeout?: number;
  readonly mark?: number;
  readonly tcp?: TcpInfo;
  readonly sctp?: SctpInfo;
  readonly dccp?: DccpInfo;
  /** The original tuple of the flow that expected this one. */
  readonly master?: Tuple;
  /** The reply tuple's destination where source NAT changed it. */
  readonly sourceNat?: Translation;
  /** The reply tuple's source where destination NAT changed it. */
  readonly destinationNat?: Translation;
  readonly sequenceAdjustment?: { readonly original: SequenceAdjustment; readonly reply: SequenceAdjustment };
  readonly helper?: string;
  /** Connection labels: 32-bit words of the bit mask, lowest bits first. */
  readonly labels?: readonly number[];
  readonly synproxy?: Synproxy;
  readonly zone?: number;
  /** The kernel's identifier of the entry (CTA_ID). It does not go on the wire. */
  readonly id?: number;
}
