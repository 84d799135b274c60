import { alignedWordsOf } from '../../bytes/words.ts';
import type { Count } from '../../flow/accounting.ts';
import type { Change, Origin } from '../../flow/change.ts';
import { RECORD_MAX, TLV_HEADER } from '../../wire/attribute.ts';
import type { KernelSink } from '../kernel.ts';

/** Upper bound in bytes of a record from this node's kernel: a wire record plus its local port. */
export const LOCAL_RECORD_MAX = RECORD_MAX + TLV_HEADER + 4;

/** Packets and bytes that a flow carried. */
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
/**
 * Stands instead of an event's header: the rest of the ring is unused, and the next event is at its start.
 */
const WRAP = -1;

/**
 * A queue of events: a ring of words. Each event is contiguous: a word that describes it, then a copy of its
 * record as of the event. The ring grows as needed; its owner limits the number of queued events.
 */
export class EventQueue {
  private ring = new Int32Array(WORDS_FIRST);
  private head = 0;
  private tail = 0;
  private waiting = 0;
  /** Number of the oldest queued event, counted from the first event ever. */
  private first = 0;
  /** Traffic of destroyed flows, by the number of their event. */
  private readonly traffic = new Map<number, FlowTraffic>();
  /** The record of the current event. */
  private readonly record = new Uint8Array(LOCAL_RECORD_MAX);
  private readonly words = alignedWordsOf(this.record);

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

  /** Attaches a destroyed flow's traffic to the event that was appended last. */
  addTraffic(traffic: FlowTraffic): void {
    this.traffic.set(this.first + this.waiting - 1, traffic);
  }

  /** Passes the oldest event to `sink`. There must be one. */
  take(sink: KernelSink): void {
    const { ring, words } = this;
    if (this.head === ring.length || ring[this.head] === WRAP) this.head = 0;
    const header = ring[this.head]!;
    const count = header >>> 5;
    const from = this.head + 1;
    for (let n = 0; n < count; n++) words[n] = ring[from + n]!;
    // Before the call, because the sink may cause more events.
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

  /** Makes sure that `count` contiguous words are free at the tail. */
  private reserve(count: number): void {
    const { ring, head, tail } = this;
    if (tail >= head) {
      if (tail + count <= ring.length) return;
      // The tail never catches up with the head: a full ring would look like an empty one.
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
