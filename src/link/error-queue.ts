/** Datagrams that could not be sent yet, in the order in which they are to be sent. No input or output. */

/** Bytes that may wait for a connection that exists and is only slow, unless ErrorQueueLength asks for more. */
const SLOW_BYTES_MAX = 16 << 20;

/**
 * The error queue of a node's TCP links (`ErrorQueueLength`): C has one for all links too, so that what could not go
 * over one goes over the next. While no connection is there it keeps the newest datagrams, as many as the
 * configuration sets. The C node keeps no more while a connection is there and full, and so loses messages in a burst;
 * here they wait.
 */
export class ErrorQueue {
  /** Datagrams kept while no connection is there. */
  readonly limit: number;
  private readonly slowBytesMax: number;
  /** Live from `head` on. */
  private chunks: Uint8Array[] = [];
  private head = 0;
  private size = 0;
  private droppedSoFar = 0;

  /** @param limit datagrams kept while no connection is there; at least one */
  constructor(limit: number, slowBytesMax = SLOW_BYTES_MAX) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`not a length of a queue: ${limit}`);
    this.limit = limit;
    this.slowBytesMax = slowBytesMax;
  }

  /** Datagrams in it. */
  get length(): number {
    return this.chunks.length - this.head;
  }

  get bytes(): number {
    return this.size;
  }

  /** Datagrams that had to go for others, since the start. */
  get dropped(): number {
    return this.droppedSoFar;
  }

  /** Puts a datagram behind the others; it belongs to the queue now. Returns how many old ones had to go for it. */
  add(chunk: Uint8Array): number {
    this.chunks.push(chunk);
    this.size += chunk.length;
    let dropped = 0;
    for (; this.length > this.limit && this.size > this.slowBytesMax; dropped++) this.shift();
    this.droppedSoFar += dropped;
    return dropped;
  }

  /** Puts datagrams before all others: they were on their way when the connection broke. */
  putBack(chunks: readonly Uint8Array[]): void {
    if (chunks.length === 0) return;
    this.chunks = [...chunks, ...this.chunks.slice(this.head)];
    this.head = 0;
    for (const chunk of chunks) this.size += chunk.length;
  }

  /** No connection is there: keeps the newest datagrams. Returns how many old ones had to go. */
  shorten(): number {
    let dropped = 0;
    for (; this.length > this.limit; dropped++) this.shift();
    this.droppedSoFar += dropped;
    return dropped;
  }

  /** Takes the oldest one out. */
  shift(): Uint8Array | undefined {
    if (this.length === 0) return undefined;
    const chunk = this.chunks[this.head]!;
    this.head++;
    this.size -= chunk.length;
    if (this.head === this.chunks.length || this.head >= 1024) {
      this.chunks = this.chunks.slice(this.head);
      this.head = 0;
    }
    return chunk;
  }
}
