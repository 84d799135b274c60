/** What can stand in a queue: in one at a time. */
export abstract class Queued {
  queue: Queue | undefined;
  /** The one after it in the queue. */
  next: Queued | undefined;
  previous: Queued | undefined;

  /** Takes it out of the queue that it is in, if any. */
  unqueue(): void {
    this.queue?.remove(this);
  }
}

/** An ordered queue of limited length. */
export class Queue {
  /** Messages in it. */
  length = 0;
  /** In words of `-s queue`: not enough space errors. */
  full = 0;
  private readonly limit: number;
  private head: Queued | undefined;
  private tail: Queued | undefined;

  /** @param limit most messages */
  constructor(limit: number) {
    this.limit = limit;
  }

  get first(): Queued | undefined {
    return this.head;
  }

  /** Appends what is in no queue; true if it did, false if there is no room, or it stands in one already. */
  add(queued: Queued): boolean {
    if (queued.queue !== undefined) return false;
    if (this.length >= this.limit) {
      this.full++;
      return false;
    }
    queued.queue = this;
    queued.previous = this.tail;
    if (this.tail) this.tail.next = queued;
    else this.head = queued;
    this.tail = queued;
    this.length++;
    return true;
  }

  remove(queued: Queued): void {
    if (queued.previous) queued.previous.next = queued.next;
    else this.head = queued.next;
    if (queued.next) queued.next.previous = queued.previous;
    else this.tail = queued.previous;
    queued.queue = undefined;
    queued.next = undefined;
    queued.previous = undefined;
    this.length--;
  }

  /** Calls `visit`, which may take it out of the queue, for each from the first on, until it returns true. */
  visit(visit: (queued: Queued) => boolean): void {
    for (let queued = this.head; queued !== undefined; ) {
      const following: Queued | undefined = queued.next;
      if (visit(queued)) return;
      queued = following;
    }
  }
}
