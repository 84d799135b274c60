import { RefusalCounter } from './refusal-counter.ts';

/**
 * Why a link refuses something:
 *
 * | reason | what it was |
 * |---|---|
 * | `sender` | a datagram or connection from an address that may not send |
 * | `unsealed` | without a seal: its sender has no key |
 * | `sealed` | with a seal, while this node has no key |
 * | `other-key` | sealed with a key that this node has not got |
 * | `forged` | changed on its way, or sealed by somebody without the key |
 * | `replayed` | taken before, or older than what can be told apart |
 * | `unproved` | genuine, of a node that has not proved yet that it is there now: usual when a node starts |
 */
export const REFUSAL_REASONS = [
  'sender',
  'unsealed',
  'sealed',
  'other-key',
  'forged',
  'replayed',
  'unproved',
] as const;
export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** What was refused for one reason. */
export interface Refused {
  /** Datagrams, or connections of a TCP link. */
  readonly count: number;
  /** The last sender's address. */
  readonly last: string;
}

/** What one link refused, by reason. */
export class Refusals {
  /** Of all reasons together. */
  total = 0;
  private readonly counters = Object.fromEntries(
    REFUSAL_REASONS.map((reason) => [reason, new RefusalCounter()]),
  ) as Record<RefusalReason, RefusalCounter>;

  /** Counts `count` more, whose sender's `struct sockaddr_in` or `sockaddr_in6` lies at `bytes[at]`. */
  note(reason: RefusalReason, bytes: Uint8Array, at: number, count = 1): void {
    this.total += count;
    this.counters[reason].note(bytes, at, count);
  }

  countOf(reason: RefusalReason): number {
    return this.counters[reason].count;
  }

  /** The last sender's address; undefined: nothing was refused for this reason. */
  lastOf(reason: RefusalReason): string | undefined {
    return this.counters[reason].last;
  }

  /** The reasons for which something was refused, and what. */
  summary(): Partial<Record<RefusalReason, Refused>> {
    const summary: Partial<Record<RefusalReason, Refused>> = {};
    for (const reason of REFUSAL_REASONS) {
      const { count, last } = this.counters[reason];
      if (last !== undefined) summary[reason] = { count, last };
    }
    return summary;
  }

  /** Goes on from the figures of the link that is replaced. */
  takeOver(former: Refusals): void {
    this.total += former.total;
    for (const reason of REFUSAL_REASONS) this.counters[reason].takeOver(former.counters[reason]);
  }
}
