import { Violation } from './violation.ts';

/** Numbers that one process of a sender may have used, at most, between two of them that are held against each other. */
const SPAN = 1 << 20;

/** The numbers that were taken from one process of a sender: a ring of bits. */
class Taken {
  readonly incarnation: number;
  private readonly sequences = new Map<number, number>();

  constructor(incarnation: number) {
    this.incarnation = incarnation;
  }

  /** False if it was taken before. */
  take(sequence: number): boolean {
    const place = sequence & (SPAN - 1);
    if (this.sequences.get(place) === sequence) return false;
    this.sequences.set(place, sequence);
    return true;
  }
}

/** Holds that no message is taken twice. */
export class Once {
  private readonly senders = new Map<number, Taken>();

  /** @throws Violation */
  taken(sender: number, incarnation: number, sequence: number): void {
    let taken = this.senders.get(incarnation);
    if (taken === undefined) {
      taken = new Taken(incarnation);
      this.senders.set(incarnation, taken);
    }
    if (!taken.take(sequence))
      throw new Violation('a message was taken twice', `number ${sequence} of sender ${sender}`);
  }

  forget(): void {
    this.senders.clear();
  }
}
