import type { Keyer } from './key.ts';
import { Slab } from './slab.ts';

const SLOTS_FIRST = 1024;
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
 * Records by key: bytes in a slab, an open-addressing index over their keys, and a few columns beside each. A record is
 * named by its *slot*, a small number that stays the same until the record is removed.
 *
 * Times are whole seconds of whatever clock the caller uses.
 */
export class RecordTable {
  private readonly keyer: Keyer;
  private readonly slab = new Slab();
  /** Slot + 1 by hash, linear probing; 0 is empty. */
  private index = new Uint32Array(2 * SLOTS_FIRST);
  /** Where the record lies. In a free slot: the next free slot + 1. */
  private refs = new Uint32Array(SLOTS_FIRST);
  private hashes = new Int32Array(SLOTS_FIRST);
  private sizes = new Uint16Array(SLOTS_FIRST);
  private states = new Uint8Array(SLOTS_FIRST);
  private created = new Uint32Array(SLOTS_FIRST);
  private updated = new Uint32Array(SLOTS_FIRST);
  private freeSlot = 0;
  private slotsUsed = 0;
  private records = 0;
  /** Hash of the key that {@link find} looked for last. */
  private sought = 0;
  readonly limit: number;

  /** @param limit how many records the table holds at most */
  constructor(keyer: Keyer, limit: number) {
    this.keyer = keyer;
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

  /** Bytes held for records, index and columns. */
  get memory(): number {
    return this.slab.size + this.index.byteLength + this.refs.length * (4 + 4 + 2 + 1 + 4 + 4);
  }

  /** The slot of the record with the same key as `bytes[start, end)`, or -1. */
  find(bytes: Uint8Array, start: number, end: number): number {
    const hash = this.keyer.load(bytes, start, end);
    this.sought = hash;
    const { index, hashes } = this;
    const mask = index.length - 1;
    for (let probe = hash & mask; ; probe = (probe + 1) & mask) {
      const entry = index[probe]!;
      if (entry === 0) return -1;
      const slot = entry - 1;
      if (hashes[slot] === hash) {
        const chunk = this.bytesOf(slot);
        const at = this.offsetOf(slot);
        if (this.keyer.matches(chunk, at, at + this.sizes[slot]!)) return slot;
      }
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
    this.refs[slot] = ref;
    this.sizes[slot] = size;
    this.hashes[slot] = this.sought;
    this.states[slot] = SlotState.NEW;
    this.created[slot] = now;
    this.updated[slot] = now;
    this.store(slot, bytes, start, size);
    this.records++;
    if (this.records > this.index.length * LOAD) this.growIndex();
    else this.enter(slot);
    return slot;
  }

  /** Puts `bytes[start, end)`, a record with the same key, in the place of the one in `slot`. */
  replace(slot: number, bytes: Uint8Array, start: number, end: number): void {
    const size = end - start;
    const old = this.sizes[slot]!;
    if (!this.slab.fits(old, size)) {
      this.slab.release(this.refs[slot]!, old);
      this.refs[slot] = this.slab.allocate(size);
    }
    this.sizes[slot] = size;
    this.store(slot, bytes, start, size);
  }

  /** @throws RangeError if there is no record in the slot */
  remove(slot: number): void {
    if (this.states[slot] === SlotState.FREE) throw new RangeError(`no record in slot ${slot}`);
    this.leave(slot);
    this.slab.release(this.refs[slot]!, this.sizes[slot]!);
    this.states[slot] = SlotState.FREE;
    this.refs[slot] = this.freeSlot;
    this.freeSlot = slot + 1;
    this.records--;
  }

  clear(): void {
    this.index = new Uint32Array(2 * SLOTS_FIRST);
    this.states.fill(SlotState.FREE);
    this.slab.clear();
    this.freeSlot = 0;
    this.slotsUsed = 0;
    this.records = 0;
  }

  /** The memory that holds the record, at {@link offsetOf}, {@link sizeOf} bytes. */
  bytesOf(slot: number): Uint8Array {
    return this.slab.chunkOf(this.refs[slot]!);
  }

  offsetOf(slot: number): number {
    return this.slab.offsetOf(this.refs[slot]!);
  }

  sizeOf(slot: number): number {
    return this.sizes[slot]!;
  }

  stateOf(slot: number): SlotState {
    return this.states[slot] as SlotState;
  }

  setState(slot: number, state: SlotState): void {
    this.states[slot] = state;
  }

  /** When the record was created. */
  createdAt(slot: number): number {
    return this.created[slot]!;
  }

  setCreated(slot: number, now: number): void {
    this.created[slot] = now;
  }

  /** When the record was created or last updated. */
  updatedAt(slot: number): number {
    return this.updated[slot]!;
  }

  setUpdated(slot: number, now: number): void {
    this.updated[slot] = now;
  }

  private store(slot: number, bytes: Uint8Array, start: number, size: number): void {
    const to = this.bytesOf(slot);
    const at = this.offsetOf(slot);
    for (let n = 0; n < size; n++) to[at + n] = bytes[start + n]!;
  }

  private takeSlot(): number {
    if (this.freeSlot !== 0) {
      const slot = this.freeSlot - 1;
      this.freeSlot = this.refs[slot]!;
      return slot;
    }
    if (this.slotsUsed === this.refs.length) this.growSlots();
    return this.slotsUsed++;
  }

  private growSlots(): void {
    const { length } = this.refs;
    // By half once the table is large: what is doubled is mostly empty.
    const more = Math.min(
      length < 65536 ? 2 * length : length + (length >> 1),
      Math.max(this.limit, length + 1),
    );
    this.refs = grown(this.refs, new Uint32Array(more));
    this.hashes = grown(this.hashes, new Int32Array(more));
    this.sizes = grown(this.sizes, new Uint16Array(more));
    this.states = grown(this.states, new Uint8Array(more));
    this.created = grown(this.created, new Uint32Array(more));
    this.updated = grown(this.updated, new Uint32Array(more));
  }

  private growIndex(): void {
    this.index = new Uint32Array(2 * this.index.length);
    for (let slot = 0; slot < this.slotsUsed; slot++) {
      if (this.states[slot] !== SlotState.FREE) this.enter(slot);
    }
  }

  private enter(slot: number): void {
    const { index } = this;
    const mask = index.length - 1;
    let probe = this.hashes[slot]! & mask;
    while (index[probe] !== 0) probe = (probe + 1) & mask;
    index[probe] = slot + 1;
  }

  /** Takes the slot out of the index and moves back the entries that its place had pushed on (no tombstones). */
  private leave(slot: number): void {
    const { index, hashes } = this;
    const mask = index.length - 1;
    let hole = hashes[slot]! & mask;
    while (index[hole] !== slot + 1) hole = (hole + 1) & mask;
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

function grown<T extends Uint32Array | Int32Array | Uint16Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
