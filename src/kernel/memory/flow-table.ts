import { Slab } from '../../table/slab.ts';
import type { FlowRecord } from './flow-record.ts';
import { hashKey, KEY_WORDS } from './tuple-key.ts';

const SLOTS_FIRST = 1024;
/** A handle is the slot's use count times this, plus the slot: an integer that is exact below 2^53. */
const SLOTS_MAX = 2 ** 22;
const USES_MAX = 2 ** 31 - 1;
/** Maximum load of the index. */
const LOAD = 0.5;

/** Maximum number of flows in a table. */
export const FLOWS_MAX = SLOTS_MAX;

/**
 * The flows, each in a *slot*: its record in a slab, the keys of both its tuples in an open-addressing
 * index, and its place in the order of creation. Slots are reused; a *handle* names one use of a slot for
 * ever, so the handle of a flow that has ended is recognized as stale.
 */
export class FlowTable {
  private readonly slab = new Slab();
  /**
   * Tuple + 1 by hash, with linear probing; 0 is empty. Tuples 2 * slot and 2 * slot + 1 are the original
   * and the reply tuple of a slot's flow.
   */
  private index = new Uint32Array(4 * SLOTS_FIRST);
  private hashes = new Int32Array(2 * SLOTS_FIRST);
  /** By slot: the original key, then the reply key. */
  keys = new Int32Array(2 * KEY_WORDS * SLOTS_FIRST);
  private refs = new Uint32Array(SLOTS_FIRST);
  private counts = new Uint16Array(SLOTS_FIRST);
  /** Position of TIMEOUT's value in the record, in words; 0 without one. */
  private timeouts = new Uint8Array(SLOTS_FIRST);
  /** 1 if the flow's destroy event has all of the record. */
  private plain = new Uint8Array(SLOTS_FIRST);
  /** Number of times the slot was taken or freed; even if it is free. */
  private uses = new Uint32Array(SLOTS_FIRST);
  /** Order of creation: slot + 1. In a free slot, `next` is the next free slot + 1. */
  private next = new Uint32Array(SLOTS_FIRST);
  private prev = new Uint32Array(SLOTS_FIRST);
  private first = 0;
  private last = 0;
  private freeSlot = 0;
  private slotsUsed = 0;
  private flows = 0;

  get size(): number {
    return this.flows;
  }

  /**
   * The flow with this tuple, in either direction: twice its slot, plus 1 for the reply direction; -1 if
   * there is none.
   */
  find(key: Int32Array, hash = hashKey(key)): number {
    const { index, hashes } = this;
    const mask = index.length - 1;
    for (let probe = hash & mask; ; probe = (probe + 1) & mask) {
      const entry = index[probe]!;
      if (entry === 0) return -1;
      if (hashes[entry - 1] === hash && this.has(entry - 1, key)) return entry - 1;
    }
  }

  /**
   * Adds a flow and returns its slot. Neither tuple may be in the table. The hashes are those of its keys.
   */
  add(
    original: Int32Array,
    originalHash: number,
    reply: Int32Array,
    replyHash: number,
    record: FlowRecord,
  ): number {
    const slot = this.takeSlot();
    const at = slot * 2 * KEY_WORDS;
    const { keys } = this;
    for (let n = 0; n < KEY_WORDS; n++) {
      keys[at + n] = original[n]!;
      keys[at + KEY_WORDS + n] = reply[n]!;
    }
    this.hashes[2 * slot] = originalHash;
    this.hashes[2 * slot + 1] = replyHash;
    this.refs[slot] = this.slab.allocate(4 * record.count);
    this.store(slot, record);
    this.timeouts[slot] = record.timeoutWord;
    this.append(slot);
    this.uses[slot]!++;
    this.flows++;
    if (2 * this.flows > this.index.length * LOAD) this.growIndex();
    else {
      this.enter(2 * slot);
      this.enter(2 * slot + 1);
    }
    return slot;
  }

  replace(slot: number, record: FlowRecord): void {
    const old = 4 * this.counts[slot]!;
    if (!this.slab.fits(old, 4 * record.count)) {
      this.slab.release(this.refs[slot]!, old);
      this.refs[slot] = this.slab.allocate(4 * record.count);
    }
    this.store(slot, record);
  }

  remove(slot: number): void {
    this.leave(2 * slot);
    this.leave(2 * slot + 1);
    this.slab.release(this.refs[slot]!, 4 * this.counts[slot]!);
    this.detach(slot);
    this.uses[slot]!++;
    this.flows--;
    if (this.uses[slot]! >= USES_MAX) return;
    this.next[slot] = this.freeSlot;
    this.freeSlot = slot + 1;
  }

  clear(): void {
    for (let slot = this.oldest; slot >= 0; slot = this.oldest) this.remove(slot);
  }

  /** The slot of the oldest flow; -1 without flows. */
  get oldest(): number {
    return this.first - 1;
  }

  /** The slot of the next younger flow, or -1. */
  after(slot: number): number {
    return this.next[slot]! - 1;
  }

  handleOf(slot: number): number {
    return this.uses[slot]! * SLOTS_MAX + slot;
  }

  /** The slot of a live flow; -1 for the handle of a flow that has ended, or an invalid handle. */
  slotOf(handle: number): number {
    const use = Math.floor(handle / SLOTS_MAX);
    const slot = handle - use * SLOTS_MAX;
    return (use & 1) === 1 && this.uses[slot] === use ? slot : -1;
  }

  /**
   * Offset of the original key of a slot's flow in {@link keys}; the reply key follows {@link KEY_WORDS}
   * later.
   */
  keyAt(slot: number): number {
    return slot * 2 * KEY_WORDS;
  }

  /** The memory that holds the slot's record, at {@link wordOf}, {@link countOf} words. */
  wordsOf(slot: number): Int32Array {
    return this.slab.wordsOf(this.refs[slot]!);
  }

  wordOf(slot: number): number {
    return this.slab.wordOf(this.refs[slot]!);
  }

  /** Position of TIMEOUT's value in the slot's record, in words; 0 without one. */
  timeoutWordOf(slot: number): number {
    return this.timeouts[slot]!;
  }

  /** True if the flow's destroy event has all of the slot's record. */
  isPlain(slot: number): boolean {
    return this.plain[slot] === 1;
  }

  countOf(slot: number): number {
    return this.counts[slot]!;
  }

  private has(tuple: number, key: Int32Array): boolean {
    const { keys } = this;
    const at = tuple * KEY_WORDS;
    for (let n = 0; n < KEY_WORDS; n++) if (keys[at + n] !== key[n]) return false;
    return true;
  }

  private store(slot: number, { words: from, count, plain }: FlowRecord): void {
    const to = this.wordsOf(slot);
    const at = this.wordOf(slot);
    for (let n = 0; n < count; n++) to[at + n] = from[n]!;
    this.counts[slot] = count;
    this.plain[slot] = plain ? 1 : 0;
  }

  private append(slot: number): void {
    this.next[slot] = 0;
    this.prev[slot] = this.last;
    if (this.last === 0) this.first = slot + 1;
    else this.next[this.last - 1] = slot + 1;
    this.last = slot + 1;
  }

  private detach(slot: number): void {
    const next = this.next[slot]!;
    const prev = this.prev[slot]!;
    if (prev === 0) this.first = next;
    else this.next[prev - 1] = next;
    if (next === 0) this.last = prev;
    else this.prev[next - 1] = prev;
  }

  private takeSlot(): number {
    if (this.freeSlot !== 0) {
      const slot = this.freeSlot - 1;
      this.freeSlot = this.next[slot]!;
      return slot;
    }
    if (this.slotsUsed === this.refs.length) this.growSlots();
    return this.slotsUsed++;
  }

  private growSlots(): void {
    const slots = 2 * this.refs.length;
    this.hashes = grown(this.hashes, new Int32Array(2 * slots));
    this.keys = grown(this.keys, new Int32Array(2 * KEY_WORDS * slots));
    this.refs = grown(this.refs, new Uint32Array(slots));
    this.counts = grown(this.counts, new Uint16Array(slots));
    this.timeouts = grown(this.timeouts, new Uint8Array(slots));
    this.plain = grown(this.plain, new Uint8Array(slots));
    this.uses = grown(this.uses, new Uint32Array(slots));
    this.next = grown(this.next, new Uint32Array(slots));
    this.prev = grown(this.prev, new Uint32Array(slots));
  }

  private growIndex(): void {
    this.index = new Uint32Array(2 * this.index.length);
    for (let slot = this.oldest; slot >= 0; slot = this.after(slot)) {
      this.enter(2 * slot);
      this.enter(2 * slot + 1);
    }
  }

  private enter(tuple: number): void {
    const { index } = this;
    const mask = index.length - 1;
    let probe = this.hashes[tuple]! & mask;
    while (index[probe] !== 0) probe = (probe + 1) & mask;
    index[probe] = tuple + 1;
  }

  /** Removes the tuple from the index, and moves back the entries that it had displaced (no tombstones). */
  private leave(tuple: number): void {
    const { index, hashes } = this;
    const mask = index.length - 1;
    let hole = hashes[tuple]! & mask;
    while (index[hole] !== tuple + 1) hole = (hole + 1) & mask;
    for (let probe = (hole + 1) & mask; index[probe] !== 0; probe = (probe + 1) & mask) {
      const home = hashes[index[probe]! - 1]! & mask;
      if (((probe - home) & mask) >= ((probe - hole) & mask)) {
        index[hole] = index[probe]!;
        hole = probe;
      }
    }
    index[hole] = 0;
  }
}

function grown<T extends Int32Array | Uint32Array | Uint16Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
