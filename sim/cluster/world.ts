/** A planned step. Without `act` it was cancelled. */
export interface PlannedStep {
  readonly time: number;
  readonly order: number;
  act: (() => void) | undefined;
}

/**
 * Virtual time, and a sequence of steps in it. Steps that are planned for the same time run in the order in which
 * they were planned, so that the same plans give the same sequence.
 */
export class World {
  /** Milliseconds since the world began. */
  now = 0;
  /** Steps taken. */
  steps = 0;
  /** True if a promise may have been resolved in this step: whoever awaits it continues before the next step. */
  private promiseResolved = false;
  private order = 0;
  private readonly heap: PlannedStep[] = [];
  /** Runs as soon as the current step is over, in the order of the calls. */
  private next: (() => void)[] = [];
  private nextAt = 0;

  /** Plans a step. */
  at(time: number, act: () => void): PlannedStep {
    const planned = { time: Math.max(time, this.now), order: this.order++, act };
    this.push(planned);
    return planned;
  }

  /** Plans a step for now, after those that are planned for now. */
  defer(act: () => void): void {
    this.next.push(act);
  }

  /** Reports that a promise was resolved, or that an async function was called. */
  expectPromises(): void {
    this.promiseResolved = true;
  }

  /**
   * Takes steps while `proceed` returns true and something is planned until `end`; then the time is `end`.
   * @returns whether it reached the end
   */
  async run(end: number, proceed: () => boolean): Promise<boolean> {
    if (this.promiseResolved) await this.drainPromises();
    while (proceed()) {
      if (!this.step(end)) {
        this.now = end;
        return true;
      }
      if (this.promiseResolved) await this.drainPromises();
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

  /** Lets all code that awaits resolved promises continue as far as possible. */
  private async drainPromises(): Promise<void> {
    this.promiseResolved = false;
    await new Promise((resolve) => setImmediate(resolve));
  }

  private push(planned: PlannedStep): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(planned);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!comesBefore(planned, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = planned;
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

function comesBefore(one: PlannedStep, other: PlannedStep): boolean {
  return one.time < other.time || (one.time === other.time && one.order < other.order);
}
