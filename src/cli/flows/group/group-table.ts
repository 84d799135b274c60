import { slotOfKey } from '../../../bytes/key-slots.ts';
import type { ListedFlow } from '../../../flow/listed/listed-flow.ts';
import { Status } from '../../../flow/status.ts';
import type { GroupKey } from './group-key.ts';

/** Groups that a table holds at most; the flows of further ones are counted together. */
export const GROUPS_MAX = 1 << 20;

/** Flows are counted in columns, by the number of their group. */
class Columns {
  readonly flows: Uint32Array;
  readonly unreplied: Uint32Array;
  readonly packets: Float64Array;
  readonly bytes: Float64Array;

  constructor(size: number, before?: Columns) {
    this.flows = new Uint32Array(size);
    this.unreplied = new Uint32Array(size);
    this.packets = new Float64Array(size);
    this.bytes = new Float64Array(size);
    if (before === undefined) return;
    this.flows.set(before.flows);
    this.unreplied.set(before.unreplied);
    this.packets.set(before.packets);
    this.bytes.set(before.bytes);
  }
}

/** The sums of one group. */
export interface Group {
  readonly flows: number;
  readonly unreplied: number;
  /** 0 where the kernel does not count. */
  readonly packets: number;
  readonly bytes: number;
}

/** An open hash table from keys to sums, without an object for a flow or a group. */
export class GroupTable {
  readonly key: GroupKey;
  /** Groups. Their numbers count from 0, in the order in which they were first seen. */
  size = 0;
  /** Flows added. */
  flows = 0;
  unreplied = 0;
  /** Flows of groups beyond {@link GROUPS_MAX}. */
  ungrouped = 0;
  /** True once a flow had counters. */
  isCounted = false;
  private keys: Int32Array;
  private columns: Columns;
  /** Group number + 1 by hash; 0: free. */
  private slots: Int32Array;
  private readonly wanted: Int32Array;

  constructor(key: GroupKey, capacity = 1024) {
    this.key = key;
    this.keys = new Int32Array(capacity * key.words);
    this.columns = new Columns(capacity);
    this.slots = new Int32Array(2 * capacity);
    this.wanted = new Int32Array(key.words);
  }

  add(flow: ListedFlow): void {
    this.flows++;
    const isUnreplied = flow.status >= 0 && (flow.status & Status.SEEN_REPLY) === 0;
    if (isUnreplied) this.unreplied++;
    this.key.put(flow, this.wanted);
    const group = this.groupOfWanted();
    if (group < 0) {
      this.ungrouped++;
      return;
    }
    const { columns } = this;
    columns.flows[group]! += 1;
    if (isUnreplied) columns.unreplied[group]! += 1;
    const { bytes } = flow;
    if (bytes < 0) return;
    this.isCounted = true;
    columns.bytes[group]! += bytes;
    columns.packets[group]! += flow.packets;
  }

  /** The sums of a group by its number. */
  at(group: number): Group {
    const { flows, unreplied, packets, bytes } = this.columns;
    return {
      flows: flows[group]!,
      unreplied: unreplied[group]!,
      packets: packets[group]!,
      bytes: bytes[group]!,
    };
  }

  /** Flows of a group by its number. */
  flowsOf(group: number): number {
    return this.columns.flows[group]!;
  }

  keyText(group: number): string {
    return this.key.text(this.keys, group * this.key.words);
  }

  /** The number here of a group of another table with the same key; -1 if it is not here. */
  find(other: GroupTable, group: number): number {
    const { words } = this.key;
    for (let n = 0; n < words; n++) this.wanted[n] = other.keys[group * words + n]!;
    return this.slots[this.slotOfWanted()]! - 1;
  }

  /** The number of the group that the flow belongs to; -1 if there is none. */
  groupOf(flow: ListedFlow): number {
    this.key.put(flow, this.wanted);
    return this.slots[this.slotOfWanted()]! - 1;
  }

  private slotOfWanted(): number {
    return slotOfKey(this.wanted, this.keys, this.slots);
  }

  private groupOfWanted(): number {
    const slot = this.slotOfWanted();
    const known = this.slots[slot]! - 1;
    if (known >= 0) return known;
    if (this.size === GROUPS_MAX) return -1;
    const group = this.size++;
    this.keys.set(this.wanted, group * this.wanted.length);
    this.slots[slot] = group + 1;
    if (2 * this.size === this.slots.length && this.size < GROUPS_MAX) this.grow();
    return group;
  }

  private grow(): void {
    const { words } = this.key;
    const capacity = 2 * this.size;
    const keys = new Int32Array(capacity * words);
    keys.set(this.keys);
    this.keys = keys;
    this.columns = new Columns(capacity, this.columns);
    this.slots = new Int32Array(2 * capacity);
    for (let group = 0; group < this.size; group++) {
      for (let n = 0; n < words; n++) this.wanted[n] = keys[group * words + n]!;
      this.slots[this.slotOfWanted()] = group + 1;
    }
  }
}
