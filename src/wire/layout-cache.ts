/** Layouts known at a time, each at the place that its size gives it. */
const PLACES = 32;
/** So many of a place's sizes may come without being of the layout known there before another one is learnt. */
const PATIENCE = 64;

/**
 * What is known of the layouts of messages or records, by their size in bytes. Nearly all are of a few layouts; what is of
 * another one is not worth learning each time.
 */
export class LayoutCache<T> {
  private readonly known: (T | undefined)[] = new Array(PLACES).fill(undefined);
  private readonly patience = new Int32Array(PLACES);

  /** What is known of this size, or of another one with the same place. */
  at(size: number): T | undefined {
    return this.known[placeOf(size)];
  }

  /** What is known does not fit something of this size: whether it is time to learn that. */
  isDue(size: number): boolean {
    const place = placeOf(size);
    if (this.patience[place]! > 0) {
      this.patience[place]!--;
      return false;
    }
    this.patience[place] = PATIENCE;
    return true;
  }

  learn(size: number, layout: T | undefined): void {
    this.known[placeOf(size)] = layout;
  }
}

function placeOf(size: number): number {
  return (size >> 2) & (PLACES - 1);
}
