import { copyBytes } from '../bytes/copy.ts';
import { NO_WORDS, WordsCache } from '../bytes/words.ts';
import { wireSize } from '../wire/record.ts';
import type { Keyer } from './key.ts';
import { NO_LAYOUT, RecordLayouts } from './record-layouts.ts';
import { Slab } from './slab.ts';

const SLOTS_FIRST = 1024;

// The words of a slot's row. Side by side, so that a record that is looked at costs one miss of the processor's cache.
/** Where the record lies. In a free slot: the next free slot + 1. */
const REF = 0;
/** Size in bytes in the low half, the number of the layout in the byte above it, the state in the last. */
const ABOUT = 1;
const CREATED = 2;
const UPDATED = 3;
const ROW_SHIFT = 2;
const SIZE_MASK = 0xffff;
const LAYOUT_SHIFT = 16;
const LAYOUT_MASK = 0xff;
const STATE_SHIFT = 24;

/** The index is at most this full. */
const LOAD = 0.75;

/** State of a slot. The values from NEW on are those of a record that is there. */
export const SlotState = {
  FREE: 0,
  /** Created, and not updated since. */
  NEW: 1,
  ALIVE: 2,
  /** Destroyed; kept until the peer knows. */
  DEAD: 3,
  /** Created in the place of an older flow with the same key, which the peer may still have. */
  RENEWED: 4,
} as const;
export type SlotState = (typeof SlotState)[keyof typeof SlotState];

/**
 * Records by key: bytes in a slab, an open-addressing index over their keys, and a row of a few numbers beside each. A
 * record is named by its *slot*, a small number that stays the same until the record is removed.
 *
 * Times are whole seconds of whatever clock the caller uses.
 */
export class RecordTable {
  private readonly keyer: Keyer;
  private readonly slab = new Slab();
  private readonly wordsCache: WordsCache;
  private readonly fastPaths: boolean;
  /** Pairs of slot + 1 (0: empty) and hash, by hash, linear probing. */
  private index = new Int32Array(4 * SLOTS_FIRST);
  private rows = new Uint32Array(SLOTS_FIRST << ROW_SHIFT);
  /** By slot, its hash: to take a record out of the index its bytes, long out of the processor's cache, are not needed. */
  private hashes = new Int32Array(SLOTS_FIRST);
  private freeSlot = 0;
  private slotsUsed = 0;
  private records = 0;
  private readonly layouts: RecordLayouts;
  /** Hash of the key that {@link find} looked for last, and its record's layout. */
  private lookupHash = 0;
  private lookupLayout = NO_LAYOUT;
  /** The slot that was found last, and whether it was the one behind the one before: then the next may be so too. */
  private found = 0;
  private inOrder = false;
  readonly limit: number;

  /**
   * @param limit how many records the table holds at most
   * @param fastPaths false: records are read, copied and merged without regard to their layout, byte by byte
   */
  constructor(keyer: Keyer, limit: number, fastPaths = true) {
    this.keyer = keyer;
    this.fastPaths = fastPaths;
    this.wordsCache = new WordsCache(fastPaths);
    this.layouts = new RecordLayouts(keyer, fastPaths);
    this.limit = limit;
  }

  /** Number of records, dead ones included. */
  get size(): number {
    return this.records;
  }

  /** Slots are numbers from 0 to below this one. */
  get slots(): number {
    return this.slotsUsed;
  }

  /** How many layouts of records were learnt since the beginning. */
  get layoutsLearnt(): number {
    return this.layouts.learnt;
  }

  /** Bytes held for records, index and rows. */
  get memory(): number {
    return this.slab.size + this.index.byteLength + this.rows.byteLength + this.hashes.byteLength;
  }

  /** The slot of the record with the same key as `bytes[start, end)`, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const words = this.wordsCache.of(bytes);
    const layout = this.layouts.numberOf(words, start, end);
    const hash = this.keyer.load(bytes, start, end, words, this.layouts.keyLayoutOf(layout));
    this.lookupHash = hash;
    this.lookupLayout = layout;
    // A bulk comes in the order of its sender's table, and mostly that is ours too: a miss of the processor's cache less.
    const following = this.found + 1;
    if (this.inOrder && following < this.slotsUsed && this.matches(following)) {
      this.found = following;
      return following;
    }
    const slot = this.lookUp(hash);
    if (slot >= 0) {
      this.inOrder = slot === following;
      this.found = slot;
    }
    return slot;
  }

  /** The slot of the record with the loaded key, or -1. */
  private lookUp(hash: number): number {
    const { index } = this;
    const mask = index.length - 1;
    for (let probe = (hash << 1) & mask; ; probe = (probe + 2) & mask) {
      const entry = index[probe]!;
      if (entry === 0) return -1;
      if (index[probe + 1] === hash && this.matches(entry - 1)) return entry - 1;
    }
  }

  /**
   * Adds the record `bytes[start, end)`, which {@link find} has just not found, as NEW. Returns its slot, or -1 if the
   * table is full.
   */
  add(bytes: Uint8Array, start: number, end: number, now: number): number {
    if (this.records >= this.limit) return -1;
    const size = end - start;
    const ref = this.slab.allocate(size);
    const slot = this.takeSlot();
    const { rows } = this;
    const row = slot << ROW_SHIFT;
    rows[row + REF] = ref;
    rows[row + ABOUT] = size | (this.lookupLayout << LAYOUT_SHIFT) | (SlotState.NEW << STATE_SHIFT);
    rows[row + CREATED] = now;
    rows[row + UPDATED] = now;
    this.store(slot, bytes, start, size);
    this.records++;
    if (this.records > (this.index.length >> 1) * LOAD) this.growIndex();
    this.hashes[slot] = this.lookupHash;
    this.enter(slot, this.lookupHash);
    return slot;
  }

  /** Puts `bytes[start, end)`, a record with the same key, in the place of the one in `slot`. */
  replace(slot: number, bytes: Uint8Array, start: number, end: number): void {
    const { rows } = this;
    const row = slot << ROW_SHIFT;
    const size = end - start;
    const old = this.sizeOf(slot);
    if (!this.slab.fits(old, size)) {
      this.slab.release(rows[row + REF]!, old);
      rows[row + REF] = this.slab.allocate(size);
    }
    const layout = this.layouts.numberOf(this.wordsCache.of(bytes), start, end);
    rows[row + ABOUT] = size | (layout << LAYOUT_SHIFT) | (this.stateOf(slot) << STATE_SHIFT);
    this.store(slot, bytes, start, size);
  }

  /**
   * Puts `bytes[start, end)`, for which {@link find} has just found `slot`, in the place of the record there if both have the
   * same attributes of the same sizes, and says whether they do.
   */
  replaceSameLayout(slot: number, bytes: Uint8Array, start: number, end: number): boolean {
    const layout = this.lookupLayout;
    if (layout === NO_LAYOUT || this.layoutOf(slot) !== layout) return false;
    this.store(slot, bytes, start, end - start);
    return true;
  }

  /** @throws RangeError if there is no record in the slot */
  remove(slot: number): void {
    if (this.stateOf(slot) === SlotState.FREE) throw new RangeError(`no record in slot ${slot}`);
    this.leave(slot);
    const row = slot << ROW_SHIFT;
    this.slab.release(this.rows[row + REF]!, this.sizeOf(slot));
    this.rows[row + ABOUT] = SlotState.FREE << STATE_SHIFT;
    this.rows[row + REF] = this.freeSlot;
    this.freeSlot = slot + 1;
    this.records--;
  }

  /** Forgets all records. The memory stays: what was flushed is mostly filled again. */
  clear(): void {
    this.index.fill(0);
    this.rows.fill(0);
    this.slab.clear();
    this.layouts.clear();
    this.freeSlot = 0;
    this.slotsUsed = 0;
    this.records = 0;
  }

  /** The memory that holds the record, at {@link offsetOf}, {@link sizeOf} bytes. */
  bytesOf(slot: number): Uint8Array {
    return this.slab.chunkOf(this.rows[(slot << ROW_SHIFT) + REF]!);
  }

  /** The same memory as words; `NO_WORDS` without fast paths. */
  wordsOf(slot: number): Int32Array {
    return !this.fastPaths ? NO_WORDS : this.slab.wordsOf(this.rows[(slot << ROW_SHIFT) + REF]!);
  }

  offsetOf(slot: number): number {
    return this.slab.offsetOf(this.rows[(slot << ROW_SHIFT) + REF]!);
  }

  sizeOf(slot: number): number {
    return this.rows[(slot << ROW_SHIFT) + ABOUT]! & SIZE_MASK;
  }

  /** Bytes of the record that go on the wire. */
  wireSizeOf(slot: number): number {
    const layout = this.layoutOf(slot);
    if (layout !== NO_LAYOUT) return this.layouts.wireSizeOf(layout);
    const at = this.offsetOf(slot);
    return wireSize(this.bytesOf(slot), at, at + this.sizeOf(slot));
  }

  stateOf(slot: number): SlotState {
    return (this.rows[(slot << ROW_SHIFT) + ABOUT]! >>> STATE_SHIFT) as SlotState;
  }

  setState(slot: number, state: SlotState): void {
    const at = (slot << ROW_SHIFT) + ABOUT;
    this.rows[at] = (this.rows[at]! & ~(0xff << STATE_SHIFT)) | (state << STATE_SHIFT);
  }

  /** When the record was created. */
  createdAt(slot: number): number {
    return this.rows[(slot << ROW_SHIFT) + CREATED]!;
  }

  setCreated(slot: number, now: number): void {
    this.rows[(slot << ROW_SHIFT) + CREATED] = now;
  }

  /** When the record was created or last updated. */
  updatedAt(slot: number): number {
    return this.rows[(slot << ROW_SHIFT) + UPDATED]!;
  }

  setUpdated(slot: number, now: number): void {
    this.rows[(slot << ROW_SHIFT) + UPDATED] = now;
  }

  private layoutOf(slot: number): number {
    return (this.rows[(slot << ROW_SHIFT) + ABOUT]! >>> LAYOUT_SHIFT) & LAYOUT_MASK;
  }

  private store(slot: number, bytes: Uint8Array, start: number, size: number): void {
    const { slab } = this;
    const ref = this.rows[(slot << ROW_SHIFT) + REF]!;
    const words = this.wordsCache.of(bytes);
    copyBytes(bytes, words, start, size, slab.chunkOf(ref), slab.wordsOf(ref), slab.offsetOf(ref));
  }

  /** True if there is a record in the slot, with the loaded key. */
  private matches(slot: number): boolean {
    const { slab, rows } = this;
    const row = slot << ROW_SHIFT;
    const about = rows[row + ABOUT]!;
    if (about >>> STATE_SHIFT === SlotState.FREE) return false;
    const ref = rows[row + REF]!;
    const at = slab.offsetOf(ref);
    const keyLayout = this.layouts.keyLayoutOf((about >>> LAYOUT_SHIFT) & LAYOUT_MASK);
    return this.keyer.matches(slab.chunkOf(ref), at, at + (about & SIZE_MASK), slab.wordsOf(ref), keyLayout);
  }

  private takeSlot(): number {
    if (this.freeSlot !== 0) {
      const slot = this.freeSlot - 1;
      this.freeSlot = this.rows[(slot << ROW_SHIFT) + REF]!;
      return slot;
    }
    if (this.slotsUsed << ROW_SHIFT === this.rows.length) this.growRows();
    return this.slotsUsed++;
  }

  private growRows(): void {
    const slots = this.slotsUsed;
    // By half once the table is large: what is doubled is mostly empty.
    const more = Math.min(slots < 65536 ? 2 * slots : slots + (slots >> 1), Math.max(this.limit, slots + 1));
    const rows = new Uint32Array(more << ROW_SHIFT);
    rows.set(this.rows);
    this.rows = rows;
    const hashes = new Int32Array(more);
    hashes.set(this.hashes);
    this.hashes = hashes;
  }

  private growIndex(): void {
    const old = this.index;
    this.index = new Int32Array(2 * old.length);
    for (let at = 0; at < old.length; at += 2) {
      if (old[at] !== 0) this.enter(old[at]! - 1, old[at + 1]!);
    }
  }

  private enter(slot: number, hash: number): void {
    const { index } = this;
    const mask = index.length - 1;
    let probe = (hash << 1) & mask;
    while (index[probe] !== 0) probe = (probe + 2) & mask;
    index[probe] = slot + 1;
    index[probe + 1] = hash;
  }

  /** Takes the slot out of the index and moves back the entries that its place had pushed on (no tombstones). */
  private leave(slot: number): void {
    const { index } = this;
    const mask = index.length - 1;
    let hole = (this.hashes[slot]! << 1) & mask;
    while (index[hole] !== slot + 1) hole = (hole + 2) & mask;
    for (let probe = (hole + 2) & mask; index[probe] !== 0; probe = (probe + 2) & mask) {
      const home = (index[probe + 1]! << 1) & mask;
      if (((probe - home) & mask) >= ((probe - hole) & mask)) {
        index[hole] = index[probe]!;
        index[hole + 1] = index[probe + 1]!;
        hole = probe;
      }
    }
    index[hole] = 0;
  }
}
