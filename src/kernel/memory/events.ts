import { alignedWordsOf } from '../../bytes/words.ts';
import type { Count } from '../../flow/accounting.ts';
import type { Change, Origin } from '../../flow/change.ts';
import { RECORD_MAX, TLV_HEADER } from '../../wire/attribute.ts';
import type { KernelSink } from '../kernel.ts';

/** Greatest record of our own kernel in bytes: that of the wire with local ports. */
export const LOCAL_RECORD_MAX = RECORD_MAX + TLV_HEADER + 4;

/** What a flow carried. */
export interface FlowTraffic {
  readonly original: Count;
  readonly reply: Count;
}

export const RecordType = {
  FLOW: 0,
  EXPECTATION: 1,
} as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

const WORDS_FIRST = 4096;
/** In the place of an event's header: the rest of the ring is not used, the next event is at its beginning. */
const WRAP = -1;

/**
 * Events that wait to be read: a ring of words. An event lies in one piece, a word of what it is and its record as it
 * was when it happened. The ring grows as it must; who fills it says how many events may wait.
 */
export class EventQueue {
  private ring = new Int32Array(WORDS_FIRST);
  private head = 0;
  private tail = 0;
  private waiting = 0;
  /** Number of the first event that waits, counted from the first one ever. */
  private first = 0;
  /** What ended flows carried, by the number of their event. */
  private readonly traffic = new Map<number, FlowTraffic>();
  /** The record of the event at hand. */
  private readonly record = new Uint8Array(LOCAL_RECORD_MAX);
  private readonly words = alignedWordsOf(this.record);

  /** Events that wait. */
  get size(): number {
    return this.waiting;
  }

  /** Appends an event with the record `words[at, at + count)`. */
  push(item: RecordType, change: Change, origin: Origin, words: Int32Array, at: number, count: number): void {
    this.reserve(count + 1);
    const { ring } = this;
    let to = this.tail;
    ring[to++] = (count << 5) | (item << 4) | (change << 2) | origin;
    for (let from = at; from < at + count; from++) ring[to++] = words[from]!;
    this.tail = to;
    this.waiting++;
  }

  /** Says what the flow carried whose end was appended last. */
  addTraffic(traffic: FlowTraffic): void {
    this.traffic.set(this.first + this.waiting - 1, traffic);
  }

  /** Gives the oldest event to `sink`. There must be one. */
  take(sink: KernelSink): void {
    const { ring, words } = this;
    if (this.head === ring.length || ring[this.head] === WRAP) this.head = 0;
    const header = ring[this.head]!;
    const count = header >>> 5;
    const from = this.head + 1;
    for (let n = 0; n < count; n++) words[n] = ring[from + n]!;
    // Before the sink is called: what it does may bring more events.
    this.head = from + count;
    const number = this.first++;
    if (--this.waiting === 0) {
      this.head = 0;
      this.tail = 0;
    }
    const change = ((header >> 2) & 3) as Change;
    const origin = (header & 3) as Origin;
    if ((header & (1 << 4)) !== 0) sink.expectation(change, origin, this.record, 4 * count);
    else sink.flow(change, origin, this.record, 4 * count);
    if (this.traffic.size > 0) this.giveTraffic(number, sink);
  }

  clear(): void {
    this.first += this.waiting;
    this.waiting = 0;
    this.head = 0;
    this.tail = 0;
    this.traffic.clear();
  }

  private giveTraffic(number: number, sink: KernelSink): void {
    const traffic = this.traffic.get(number);
    if (traffic === undefined) return;
    this.traffic.delete(number);
    const { original, reply } = traffic;
    sink.traffic(original.packets, original.bytes, reply.packets, reply.bytes);
  }

  /** Sees to it that `count` words in one piece are free at the tail. */
  private reserve(count: number): void {
    const { ring, head, tail } = this;
    if (tail >= head) {
      if (tail + count <= ring.length) return;
      // The head is never reached from behind: a full ring would look like an empty one.
      if (count < head) {
        if (tail < ring.length) ring[tail] = WRAP;
        this.tail = 0;
        return;
      }
    } else if (tail + count < head) return;
    this.grow(count);
  }

  private grow(count: number): void {
    const { ring, head, tail } = this;
    let length = 2 * ring.length;
    while (length < ring.length + count) length *= 2;
    const larger = new Int32Array(length);
    if (tail >= head) {
      larger.set(ring.subarray(head, tail));
      this.tail = tail - head;
    } else {
      let to = 0;
      let from = head;
      while (from < ring.length && ring[from] !== WRAP) {
        const end = from + 1 + (ring[from]! >>> 5);
        larger.set(ring.subarray(from, end), to);
        to += end - from;
        from = end;
      }
      larger.set(ring.subarray(0, tail), to);
      this.tail = to + tail;
    }
    this.ring = larger;
    this.head = 0;
  }
}
