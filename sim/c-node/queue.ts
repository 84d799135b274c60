/** A message that can be in a queue, in one at a time. */
export abstract class Queued {
  queue: Queue | undefined;
  /** The message after it in the queue. */
  next: Queued | undefined;
  previous: Queued | undefined;

  /** Takes it out of its queue, if it is in one. */
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

  /** @param limit messages at most */
  constructor(limit: number) {
    this.limit = limit;
  }

  get first(): Queued | undefined {
    return this.head;
  }

  /** Appends a message. False if there is no room, or the message is in a queue already. */
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

  /** Calls `visit`, which may take the message out of the queue, for each message until it returns true. */
  visit(visit: (queued: Queued) => boolean): void {
    for (let queued = this.head; queued !== undefined; ) {
      const following: Queued | undefined = queued.next;
      if (visit(queued)) return;
      queued = following;
    }
  }
}
