import type { SealRefusal } from './channel.ts';

/** Why a datagram was refused; `sealed`: this node has no key. */
export type SealReason = SealRefusal | 'sealed';

/** What was refused for its seal, or for the lack of one, by reason. */
export class SealRefusals {
  readonly counts: Record<SealReason, number> = {
    unsealed: 0,
    'other-key': 0,
    forged: 0,
    replayed: 0,
    unproved: 0,
    sealed: 0,
  };
  /** Address of the last sender by reason. */
  readonly last: Partial<Record<SealReason, string>> = {};

  note(reason: SealReason, sender: string): void {
    this.counts[reason]++;
    this.last[reason] = sender;
  }

  /** Goes on from the figures of the link that this one replaces. */
  takeOver(former: SealRefusals): void {
    for (const reason of Object.keys(this.counts) as SealReason[])
      this.counts[reason] += former.counts[reason];
    Object.assign(this.last, { ...former.last, ...this.last });
  }
}
