import { assert } from '../bytes/assert.ts';
import { copyBytes } from '../bytes/copy.ts';
import { NO_WORDS, WordsCache } from '../bytes/words.ts';
import { wireSize } from '../wire/record.ts';
import type { Keyer } from './key.ts';
import { NO_LAYOUT, RecordLayouts } from './record-layouts.ts';
import { Slab } from './slab.ts';

/**
 * Fewer than a warm-up has flows: V8 takes an array that was never exchanged for a constant, and throws away the code that
 * relies on that when it is.
 */
const SLOTS_FIRST = 256;

// The words of a slot's row. They are adjacent, so that reading them costs one cache miss.
/** Reference to the record in the slab. In a free slot: the next free slot + 1. */
const REF = 0;
/** Size in bytes in the low half, then a byte for the layout's number, then a byte for the state. */
const ABOUT = 1;
const CREATED = 2;
const UPDATED = 3;
const ROW_SHIFT = 2;
const SIZE_MASK = 0xffff;
const LAYOUT_SHIFT = 16;
const LAYOUT_MASK = 0xff;
const STATE_SHIFT = 24;

/** Maximum load of the index. */
const LOAD = 0.75;

/** State of a slot. From NEW on, the slot holds a record. */
export const SlotState = {
  FREE: 0,
  /** Created and not yet updated. */
  NEW: 1,
  ALIVE: 2,
  /** Destroyed, but kept until the peer knows. */
  DEAD: 3,
  /** Replaces an older flow with the same key, which the peer may still have. */
  RENEWED: 4,
} as const;
export type SlotState = (typeof SlotState)[keyof typeof SlotState];

/**
 * Records by key: bytes in a slab, an open-addressing index over their keys, and a row of a few numbers for
 * each. A *slot*, a small number that does not change until the record is removed, identifies a record.
 *
 * Times are whole seconds of the caller's clock.
 */
export class RecordTable {
  private readonly keyer: Keyer;
  private readonly slab = new Slab();
  private readonly wordsCache: WordsCache;
  private readonly fastPaths: boolean;
  /** Pairs of slot + 1 (0: empty) and hash, by hash, with linear probing. */
  private index = new Int32Array(4 * SLOTS_FIRST);
  private rows = new Uint32Array(SLOTS_FIRST << ROW_SHIFT);
  /**
   * Each slot's hash, so that removing a record from the index does not touch its bytes, which are no longer
   * in the CPU cache.
   */
  private hashes = new Int32Array(SLOTS_FIRST);
  /** Each slot's digest, for the same reason. */
  private digests = new Int32Array(SLOTS_FIRST);
  private digestOfLive = 0;
  private freeSlot = 0;
  private slotsUsed = 0;
  private records = 0;
  private readonly layouts: RecordLayouts;
  /** Hash of the key that {@link find} looked up last, and its record's layout. */
  private lookupHash = 0;
  private lookupLayout = NO_LAYOUT;
  /**
   * The slot found last, and whether it followed the one found before: then the next lookup may be
   * sequential too.
   */
  private found = 0;
  private inOrder = false;
  readonly limit: number;

  /**
   * @param limit maximum number of records
   * @param fastPaths false: read, copy and merge records byte by byte, without using their layout
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

  /** The sum of the digests of the keys of all records that are not dead; 32 bits, unsigned. */
  get digest(): number {
    return this.digestOfLive >>> 0;
  }

  /** Slot numbers are below this one. */
  get slots(): number {
    return this.slotsUsed;
  }

  /** Bytes allocated for records, index and rows. */
  get memory(): number {
    return (
      this.slab.size +
      this.index.byteLength +
      this.rows.byteLength +
      this.hashes.byteLength +
      this.digests.byteLength
    );
  }

  /** The slot of the record with the same key as `bytes[start, end)`, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const words = this.wordsCache.of(bytes);
    const layout = this.layouts.numberOf(words, start, end);
    const hash = this.keyer.load(bytes, start, end, words, this.layouts.keyLayoutOf(layout));
    this.lookupHash = hash;
    this.lookupLayout = layout;
    // A bulk update comes in the order of its sender's table, which is usually this table's order too: one
    // cache miss less.
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
   * Adds the record `bytes[start, end)`, which {@link find} has just failed to find, as NEW. Returns its
   * slot, or -1 if the table is full.
   */
  add(bytes: Uint8Array, start: number, end: number, now: number): number {
    if (this.records >= this.limit) return -1;
    const size = end - start;
    const ref = this.slab.allocate(size);
    const slot = this.takeSlot();
    const { rows } = this;
    const row = slot << ROW_SHIFT;
    assert(slot < this.slotsUsed && this.stateOf(slot) === SlotState.FREE, 'a record enters a slot in use');
    rows[row + REF] = ref;
    rows[row + ABOUT] = size | (this.lookupLayout << LAYOUT_SHIFT) | (SlotState.NEW << STATE_SHIFT);
    rows[row + CREATED] = now;
    rows[row + UPDATED] = now;
    this.store(slot, bytes, start, size);
    this.records++;
    if (this.records > (this.index.length >> 1) * LOAD) this.growIndex();
    this.hashes[slot] = this.lookupHash;
    const digest = this.keyer.digest();
    this.digests[slot] = digest;
    this.digestOfLive = (this.digestOfLive + digest) | 0;
    this.enter(slot, this.lookupHash);
    return slot;
  }

  /** Replaces the record in `slot` by `bytes[start, end)`, a record with the same key. */
  replace(slot: number, bytes: Uint8Array, start: number, end: number): void {
    const { rows } = this;
    const row = slot << ROW_SHIFT;
    const size = end - start;
    const old = this.sizeOf(slot);
    assert(this.stateOf(slot) !== SlotState.FREE, 'a record is replaced in a free slot');
    if (!this.slab.fits(old, size)) {
      this.slab.release(rows[row + REF]!, old);
      rows[row + REF] = this.slab.allocate(size);
    }
    const layout = this.layouts.numberOf(this.wordsCache.of(bytes), start, end);
    rows[row + ABOUT] = size | (layout << LAYOUT_SHIFT) | (this.stateOf(slot) << STATE_SHIFT);
    this.store(slot, bytes, start, size);
  }

  /**
   * Replaces the record in `slot`, which {@link find} has just returned for `bytes[start, end)`, by these
   * bytes if both have the same attributes of the same sizes. Returns whether they do.
   */
  replaceSameLayout(slot: number, bytes: Uint8Array, start: number, end: number): boolean {
    const layout = this.lookupLayout;
    if (layout === NO_LAYOUT || this.layoutOf(slot) !== layout) return false;
    assert(this.sizeOf(slot) === end - start, 'two records of one layout differ in size');
    this.store(slot, bytes, start, end - start);
    return true;
  }

  /** @throws RangeError if the slot holds no record */
  remove(slot: number): void {
    if (this.stateOf(slot) === SlotState.FREE) throw new RangeError(`no record in slot ${slot}`);
    this.leave(slot);
    if (this.stateOf(slot) !== SlotState.DEAD)
      this.digestOfLive = (this.digestOfLive - this.digests[slot]!) | 0;
    const row = slot << ROW_SHIFT;
    this.slab.release(this.rows[row + REF]!, this.sizeOf(slot));
    this.rows[row + ABOUT] = SlotState.FREE << STATE_SHIFT;
    this.rows[row + REF] = this.freeSlot;
    this.freeSlot = slot + 1;
    this.records--;
    assert(this.records >= 0, 'a table has fewer records than none');
  }

  /** Removes all records. Keeps the memory, because a flushed table usually fills again. */
  clear(): void {
    this.index.fill(0);
    this.rows.fill(0);
    this.slab.clear();
    this.layouts.clear();
    this.freeSlot = 0;
    this.slotsUsed = 0;
    this.records = 0;
    this.digestOfLive = 0;
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
    const before = this.rows[at]! >>> STATE_SHIFT;
    assert(before !== SlotState.FREE, 'a free slot gets a state');
    if ((before === SlotState.DEAD) !== (state === SlotState.DEAD)) {
      const digest = this.digests[slot]!;
      this.digestOfLive = (this.digestOfLive + (state === SlotState.DEAD ? -digest : digest)) | 0;
    }
    this.rows[at] = (this.rows[at]! & ~(0xff << STATE_SHIFT)) | (state << STATE_SHIFT);
  }

  /** Time of creation. */
  createdAt(slot: number): number {
    return this.rows[(slot << ROW_SHIFT) + CREATED]!;
  }

  setCreated(slot: number, now: number): void {
    this.rows[(slot << ROW_SHIFT) + CREATED] = now;
  }

  /** Time of creation or of the last update. */
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

  /** True if the slot holds a record with the loaded key. */
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
    // Grows a large table by half only: most of a doubled one would stay empty.
    const more = Math.min(slots < 65536 ? 2 * slots : slots + (slots >> 1), Math.max(this.limit, slots + 1));
    const rows = new Uint32Array(more << ROW_SHIFT);
    rows.set(this.rows);
    this.rows = rows;
    const hashes = new Int32Array(more);
    hashes.set(this.hashes);
    this.hashes = hashes;
    const digests = new Int32Array(more);
    digests.set(this.digests);
    this.digests = digests;
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

  /** Removes the slot from the index, and moves back the entries that it had displaced (no tombstones). */
  private leave(slot: number): void {
    const { index } = this;
    const mask = index.length - 1;
    let hole = (this.hashes[slot]! << 1) & mask;
    while (index[hole] !== slot + 1) {
      assert(index[hole] !== 0, 'a record is not in the index');
      hole = (hole + 2) & mask;
    }
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
