import { assert } from '../bytes/assert.ts';
import { Cache } from './cache.ts';
import { SlotState } from './record-table.ts';

/**
 * This node's kernel table, as sent to the peer.
 *
 * A queue of the engine may *hold* a record: the cache keeps one number for the holder, and a destroyed
 * record stays, marked dead, until the engine releases it. {@link touched} shows which records the kernel
 * has reported since {@link beginAudit}.
 */
export class InternalCache extends Cache {
  /** The holder of each slot's record; 0 for none. */
  private holders = new Uint32Array(1024);
  private audits = new Uint8Array(1024);
  private audit = 0;

  /** Handles a new flow. Returns its slot, or -1 if the cache is full. */
  new(bytes: Uint8Array, length: number, now: number): number {
    let slot = this.table.find(bytes, 0, length);
    if (slot < 0) slot = this.create(bytes, 0, length, now);
    else this.renew(slot, bytes, length, now);
    this.touch(slot);
    return slot;
  }

  /** Handles an update of a flow, or a dumped one. Returns its slot, or -1 if the cache is full. */
  update(bytes: Uint8Array, length: number, now: number): number {
    let slot = this.table.find(bytes, 0, length);
    if (slot < 0) slot = this.create(bytes, 0, length, now);
    else if (this.table.stateOf(slot) === SlotState.DEAD) this.renew(slot, bytes, length, now);
    else this.change(slot, bytes, length, now);
    this.touch(slot);
    return slot;
  }

  /** Handles an update of the live record in this slot, which the caller has found. */
  refresh(slot: number, bytes: Uint8Array, length: number, now: number): void {
    this.change(slot, bytes, length, now);
    this.touch(slot);
  }

  /**
   * Handles the end of a flow. Returns its slot, now dead, for {@link release} or the engine; -1 if the flow
   * is unknown or already dead.
   */
  destroy(bytes: Uint8Array, length: number): number {
    const slot = this.table.find(bytes, 0, length);
    return slot >= 0 && this.kill(slot) ? slot : -1;
  }

  /** Marks the record dead; false if it already is. */
  kill(slot: number): boolean {
    if (this.table.stateOf(slot) === SlotState.DEAD) return false;
    this.table.setState(slot, SlotState.DEAD);
    this.countEnd();
    return true;
  }

  holderOf(slot: number): number {
    return this.holders[slot] ?? 0;
  }

  hold(slot: number, holder: number): void {
    if (slot >= this.holders.length) {
      const more = new Uint32Array(Math.max(2 * this.holders.length, slot + 1));
      more.set(this.holders);
      this.holders = more;
    }
    assert(this.holders[slot] === 0, 'a record that is held gets another holder');
    this.holders[slot] = holder;
  }

  /** Clears the holder because the peer has the record or must not get it. Removes a dead record. */
  release(slot: number): void {
    if (this.table.stateOf(slot) === SlotState.RENEWED) this.table.setState(slot, SlotState.ALIVE);
    this.unhold(slot);
  }

  /** Clears the holder without knowing whether the peer has the record. Removes a dead record. */
  unhold(slot: number): void {
    if (slot < this.holders.length) this.holders[slot] = 0;
    if (this.table.stateOf(slot) === SlotState.DEAD) this.table.remove(slot);
  }

  /** Starts an audit: {@link touched} then shows which records the kernel has reported since this call. */
  beginAudit(): void {
    this.audit = (this.audit + 1) & 0xff;
  }

  touched(slot: number): boolean {
    return this.audits[slot] === this.audit;
  }

  /**
   * Handles a dumped record that is known and alive: if it has what the cache has, marks that as touched. Returns whether it
   * does.
   */
  confirm(slot: number, bytes: Uint8Array, length: number): boolean {
    if (!this.agrees(slot, bytes, 0, length)) return false;
    this.touch(slot);
    return true;
  }

  /** Drops all records. The engine must have released them. */
  flush(): void {
    this.counters.destroyed += this.counters.active;
    this.counters.active = 0;
    this.table.clear();
    this.holders.fill(0);
  }

  private renew(slot: number, bytes: Uint8Array, length: number, now: number): void {
    this.recreate(slot, bytes, 0, length, now);
    this.table.setState(slot, SlotState.RENEWED);
  }

  /**
   * Merges an update. A renewed record is sent as NEW until it is released, that is until the peer has it:
   * the peer would merge an UPD into the older flow and keep attributes that only that one had (as a C peer
   * does).
   */
  private change(slot: number, bytes: Uint8Array, length: number, now: number): void {
    const renewed = this.table.stateOf(slot) === SlotState.RENEWED;
    this.merge(slot, bytes, 0, length, now);
    if (renewed) this.table.setState(slot, SlotState.RENEWED);
  }

  private touch(slot: number): void {
    if (slot < 0) return;
    if (slot >= this.audits.length) {
      const more = new Uint8Array(Math.max(2 * this.audits.length, slot + 1));
      more.set(this.audits);
      this.audits = more;
    }
    this.audits[slot] = this.audit;
  }
}
