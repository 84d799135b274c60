import { Violation } from './violation.ts';

/** Sequence numbers remembered per process: no copy arrives later than that. */
const SPAN = 1 << 20;

/** The last sequence numbers that were accepted from one process of a sender. */
class RecentSequences {
  private readonly sequences = new Map<number, number>();

  /** False if it was accepted before. */
  take(sequence: number): boolean {
    const place = sequence & (SPAN - 1);
    if (this.sequences.get(place) === sequence) return false;
    this.sequences.set(place, sequence);
    return true;
  }
}

/** Checks that no message is accepted twice. */
export class DuplicateCheck {
  private readonly senders = new Map<number, RecentSequences>();

  /** @throws Violation */
  taken(sender: number, incarnation: number, sequence: number): void {
    let taken = this.senders.get(incarnation);
    if (taken === undefined) {
      taken = new RecentSequences();
      this.senders.set(incarnation, taken);
    }
    if (!taken.take(sequence))
      throw new Violation('a message was taken twice', `number ${sequence} of sender ${sender}`);
  }

  forget(): void {
    this.senders.clear();
  }
}
