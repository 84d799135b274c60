/**
 * When each slot expires: a binary heap with lazy updates. Postponing an expiry, as every packet of a flow
 * does, and ending a flow cost only a few writes: the heap is corrected when the slot reaches its top.
 *
 * Times are in milliseconds. Expired slots come in order of time, then of insertion.
 */
export class Expiry {
  /** The heap: slots with their sort keys, time and insertion number, neither later than the true ones. */
  private heap = new Uint32Array(1024);
  private times = new Float64Array(1024);
  private numbers = new Float64Array(1024);
  private count = 0;
  /**
   * By slot: its heap position + 1 (0: not in the heap), its true time (Infinity: none), its true insertion
   * number.
   */
  private places = new Uint32Array(1024);
  private due = new Float64Array(1024).fill(Infinity);
  private insertionNumber = new Float64Array(1024);
  private insertions = 0;

  /** Lower bound of the first expiry; Infinity without slots. */
  get earliest(): number {
    return this.count === 0 ? Infinity : this.times[0]!;
  }

  /** When a slot expires. */
  timeOf(slot: number): number {
    return this.due[slot]!;
  }

  /** Sets or moves the expiry of a slot. */
  set(slot: number, time: number): void {
    if (slot >= this.places.length) this.growSlots(slot + 1);
    if (this.due[slot] === Infinity) this.insertionNumber[slot] = this.insertions++;
    this.due[slot] = time;
    const place = this.places[slot]! - 1;
    if (place < 0) this.add(slot, time);
    else if (time < this.times[place]!) this.up(place, slot, time, this.insertionNumber[slot]!);
  }

  end(slot: number): void {
    this.due[slot] = Infinity;
  }

  /** Removes and returns a slot that has expired at `now`; -1 if there is none. */
  take(now: number): number {
    while (this.count > 0 && this.times[0]! <= now) {
      const slot = this.heap[0]!;
      const due = this.due[slot]!;
      const number = this.insertionNumber[slot]!;
      if (due === Infinity) this.removeTop();
      else if (due > this.times[0]! || number > this.numbers[0]!) this.down(slot, due, number);
      else {
        this.removeTop();
        this.due[slot] = Infinity;
        return slot;
      }
    }
    return -1;
  }

  clear(): void {
    this.count = 0;
    this.places.fill(0);
    this.due.fill(Infinity);
  }

  private add(slot: number, time: number): void {
    if (this.count === this.heap.length) {
      this.heap = grown(this.heap, new Uint32Array(2 * this.count));
      this.times = grown(this.times, new Float64Array(2 * this.count));
      this.numbers = grown(this.numbers, new Float64Array(2 * this.count));
    }
    this.up(this.count++, slot, time, this.insertionNumber[slot]!);
  }

  private removeTop(): void {
    this.places[this.heap[0]!] = 0;
    const last = --this.count;
    if (last > 0) this.down(this.heap[last]!, this.times[last]!, this.numbers[last]!);
  }

  /** True if this time and number sort before the entry at `place`. */
  private before(time: number, number: number, place: number): boolean {
    const other = this.times[place]!;
    return time < other || (time === other && number < this.numbers[place]!);
  }

  private up(from: number, slot: number, time: number, number: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.before(time, number, parent)) break;
      this.move(parent, place);
      place = parent;
    }
    this.put(place, slot, time, number);
  }

  /** Moves a slot down from the top, which is free, to its place. */
  private down(slot: number, time: number, number: number): void {
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.count) break;
      const right = child + 1;
      if (right < this.count && this.before(this.times[right]!, this.numbers[right]!, child)) child = right;
      if (this.before(time, number, child)) break;
      this.move(child, place);
      place = child;
    }
    this.put(place, slot, time, number);
  }

  private move(from: number, to: number): void {
    this.put(to, this.heap[from]!, this.times[from]!, this.numbers[from]!);
  }

  private put(place: number, slot: number, time: number, number: number): void {
    this.heap[place] = slot;
    this.times[place] = time;
    this.numbers[place] = number;
    this.places[slot] = place + 1;
  }

  private growSlots(needed: number): void {
    const size = Math.max(needed, 2 * this.places.length);
    this.places = grown(this.places, new Uint32Array(size));
    this.due = grown(this.due, new Float64Array(size).fill(Infinity));
    this.insertionNumber = grown(this.insertionNumber, new Float64Array(size));
  }
}

function grown<T extends Uint32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
