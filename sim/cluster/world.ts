/** Something that is to happen. Without `act` it was taken back. */
export interface Appointment {
  readonly time: number;
  readonly order: number;
  act: (() => void) | undefined;
}

/**
 * Virtual time. What happens is a sequence of steps, each at a time and behind all that was planned before for the same
 * time, so that the same plans give the same sequence.
 */
export class World {
  /** Milliseconds since the world began. */
  now = 0;
  /** Steps taken. */
  steps = 0;
  /** True if a promise may have been kept in this step: those who wait for it go on before the next one. */
  private promiseKept = false;
  private order = 0;
  private readonly heap: Appointment[] = [];
  /** What happens as soon as the present step is over, in the order of asking. */
  private next: (() => void)[] = [];
  private nextAt = 0;

  /** Plans a step. */
  at(time: number, act: () => void): Appointment {
    const appointment = { time: Math.max(time, this.now), order: this.order++, act };
    this.push(appointment);
    return appointment;
  }

  /** Plans a step for now, behind those that are planned for now. */
  soon(act: () => void): void {
    this.next.push(act);
  }

  /** A promise was kept, or something was begun that waits for none yet. */
  expectPromises(): void {
    this.promiseKept = true;
  }

  /**
   * Takes steps until `goOn` says no, or nothing is planned before `end`; the time is `end` then.
   * @returns whether it came to the end
   */
  async run(end: number, goOn: () => boolean): Promise<boolean> {
    if (this.promiseKept) await this.settle();
    while (goOn()) {
      if (!this.step(end)) {
        this.now = end;
        return true;
      }
      if (this.promiseKept) await this.settle();
    }
    return false;
  }

  private step(end: number): boolean {
    const { next } = this;
    if (this.nextAt < next.length) {
      const act = next[this.nextAt++]!;
      if (this.nextAt === next.length) {
        next.length = 0;
        this.nextAt = 0;
      }
      this.steps++;
      act();
      return true;
    }
    for (let first = this.heap[0]; first !== undefined && first.time <= end; first = this.heap[0]) {
      this.pop();
      if (first.act === undefined) continue;
      this.now = first.time;
      this.steps++;
      first.act();
      return true;
    }
    return false;
  }

  /** Everybody who waits for a promise that is kept goes on as far as possible. */
  private async settle(): Promise<void> {
    this.promiseKept = false;
    await new Promise((resolve) => setImmediate(resolve));
  }

  private push(appointment: Appointment): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(appointment);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!comesBefore(appointment, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = appointment;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    const size = heap.length;
    if (size === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && comesBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!comesBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function comesBefore(one: Appointment, other: Appointment): boolean {
  return one.time < other.time || (one.time === other.time && one.order < other.order);
}
