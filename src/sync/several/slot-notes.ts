const FIRST_SLOTS = 1024;

/** What a node with several active peers notes of each slot of its internal cache. Times are seconds of the caches' clock. */
export class SlotNotes {
  private ownEnds = new Int32Array(FIRST_SLOTS);
  private sharedEnds = new Int32Array(FIRST_SLOTS);
  private adopted = new Uint8Array(FIRST_SLOTS);

  /** When our kernel ends the flow unless a packet comes, as far as is known. */
  ownEndOf(slot: number): number {
    return this.ownEnds[slot]!;
  }

  /** When the peers' kernels end it, as far as they were told. */
  sharedEndOf(slot: number): number {
    return this.sharedEnds[slot]!;
  }

  /** Whether a peer's record was put into our kernel, and no look has shown the flow since. */
  isAdopted(slot: number): boolean {
    return this.adopted[slot] === 1;
  }

  /** Our kernel's end, and the peers'. */
  note(slot: number, ownEnd: number, sharedEnd: number, isAdopted: boolean): void {
    if (slot >= this.ownEnds.length) this.grow(slot + 1);
    this.ownEnds[slot] = ownEnd;
    this.sharedEnds[slot] = sharedEnd;
    this.adopted[slot] = isAdopted ? 1 : 0;
  }

  /** Our kernel's end, which nobody was told. */
  noteOwn(slot: number, end: number): void {
    this.ownEnds[slot] = end;
    this.noteShown(slot);
  }

  /** Our kernel has shown what it has. */
  noteShown(slot: number): void {
    this.adopted[slot] = 0;
  }

  /** A peer said that it has the flow until then. */
  notePeers(slot: number, end: number): void {
    if (end > this.sharedEnds[slot]!) this.sharedEnds[slot] = end;
  }

  private grow(least: number): void {
    const slots = Math.max(2 * this.ownEnds.length, least);
    const own = new Int32Array(slots);
    own.set(this.ownEnds);
    this.ownEnds = own;
    const shared = new Int32Array(slots);
    shared.set(this.sharedEnds);
    this.sharedEnds = shared;
    const adopted = new Uint8Array(slots);
    adopted.set(this.adopted);
    this.adopted = adopted;
  }
}
