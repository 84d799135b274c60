const FIRST = 256;

/** A growing list of slots. */
export class SlotList {
  private slots = new Uint32Array(FIRST);
  private count = 0;

  add(slot: number): void {
    if (this.count === this.slots.length) {
      const grown = new Uint32Array(2 * this.count);
      grown.set(this.slots);
      this.slots = grown;
    }
    this.slots[this.count++] = slot;
  }

  /** Takes out all slots, in the order in which they were added. */
  take(): Uint32Array {
    const taken = this.slots.slice(0, this.count);
    this.count = 0;
    return taken;
  }
}
