import { slotOfKey } from '../../bytes/key-slots.ts';

/** One group of flows that have the same key. */
export interface HeavyGroup {
  readonly flows: number;
  /** Those of its flows for which `add` was given true. */
  readonly marked: number;
  /** Where its key begins in {@link HeavyHitters.keys}, in words. */
  readonly at: number;
}

/** Groups that are counted at a time. */
const CAPACITY = 1 << 15;

/**
 * Counts the largest groups of flows in memory of one size, however many groups there are: when it is full, the smaller half
 * of the groups is forgotten, or more. The kernel lists its table in the order of a hash, which is as good as random, so a group with
 * many flows is large early and stays; its count is short at most by what was forgotten before that, a few flows.
 */
export class HeavyHitters {
  readonly words: number;
  readonly keys: Int32Array;
  /** Where `add` finds the key. */
  readonly key: Int32Array;
  private readonly capacity: number;
  private readonly flows: Uint32Array;
  private readonly marked: Uint32Array;
  /** Group number + 1 by hash; 0: free. */
  private readonly slots: Int32Array;
  private size = 0;

  /** @param words 32-bit words of a key @param capacity groups, a power of 2 */
  constructor(words: number, capacity = CAPACITY) {
    this.words = words;
    this.capacity = capacity;
    this.key = new Int32Array(words);
    this.keys = new Int32Array(capacity * words);
    this.flows = new Uint32Array(capacity);
    this.marked = new Uint32Array(capacity);
    this.slots = new Int32Array(2 * capacity);
  }

  /** Counts a flow whose key is in {@link key}. */
  add(isMarked: boolean): void {
    let slot = slotOfKey(this.key, this.keys, this.slots);
    let group = this.slots[slot]! - 1;
    if (group < 0) {
      if (this.size === this.capacity) {
        this.forgetSmall();
        slot = slotOfKey(this.key, this.keys, this.slots);
      }
      group = this.size++;
      this.keys.set(this.key, group * this.words);
      this.slots[slot] = group + 1;
      this.flows[group] = 0;
      this.marked[group] = 0;
    }
    this.flows[group]! += 1;
    if (isMarked) this.marked[group]! += 1;
  }

  /** The `limit` largest groups, the largest first. */
  top(limit: number): HeavyGroup[] {
    const numbers = Array.from({ length: this.size }, (_, group) => group);
    numbers.sort((one, other) => this.flows[other]! - this.flows[one]!);
    return numbers.slice(0, limit).map((group) => ({
      flows: this.flows[group]!,
      marked: this.marked[group]!,
      at: group * this.words,
    }));
  }

  clear(): void {
    this.size = 0;
    this.slots.fill(0);
  }

  /** Forgets the groups with the fewest flows, at least half of all. */
  private forgetSmall(): void {
    const { keys, flows, marked, words, size, key } = this;
    const limit = this.medianOfFlows();
    const wanted = key.slice();
    this.clear();
    for (let before = 0; before < size; before++) {
      if (flows[before]! <= limit) continue;
      const group = this.size++;
      key.set(keys.subarray(before * words, (before + 1) * words));
      keys.set(key, group * words);
      flows[group] = flows[before]!;
      marked[group] = marked[before]!;
      this.slots[slotOfKey(this.key, this.keys, this.slots)] = group + 1;
    }
    key.set(wanted);
  }

  /** The smallest number of flows that at least half of the groups do not exceed. */
  private medianOfFlows(): number {
    return this.flows.slice(0, this.size).sort()[this.size >> 1]!;
  }
}
