import { Cache } from './cache.ts';
import { SlotState } from './record-table.ts';

/**
 * Our own kernel's table, as it is sent to the peer.
 *
 * A record may be *held* by a queue of the engine: the cache keeps one number for it, and a destroyed record stays,
 * marked dead, until the engine lets it go. {@link touched} tells which records the kernel has spoken of since
 * {@link beginAudit}.
 */
export class InternalCache extends Cache {
  /** What holds the record of a slot, 0 for nothing. */
  private holders = new Uint32Array(1024);
  private audits = new Uint8Array(1024);
  private audit = 0;

  /** The flow began. Returns its slot, or -1 if the cache is full. */
  new(bytes: Uint8Array, length: number, now: number): number {
    let slot = this.table.find(bytes, 0, length);
    if (slot < 0) slot = this.create(bytes, 0, length, now);
    else this.renew(slot, bytes, length, now);
    this.touch(slot);
    return slot;
  }

  /** The flow changed, or stood in a dump. Returns its slot, or -1 if the cache is full. */
  update(bytes: Uint8Array, length: number, now: number): number {
    let slot = this.table.find(bytes, 0, length);
    if (slot < 0) slot = this.create(bytes, 0, length, now);
    else if (this.table.stateOf(slot) === SlotState.DEAD) this.renew(slot, bytes, length, now);
    else this.change(slot, bytes, length, now);
    this.touch(slot);
    return slot;
  }

  /**
   * The flow ended. Returns its slot, now dead, for {@link release} or the engine to deal with; -1 if it is not known
   * or was dead already.
   */
  destroy(bytes: Uint8Array, length: number): number {
    const slot = this.table.find(bytes, 0, length);
    return slot >= 0 && this.kill(slot) ? slot : -1;
  }

  /** Marks the record dead; false if it was. */
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
    this.holders[slot] = holder;
  }

  /** Nothing holds the record any more, because the peer has it or shall not have it: a dead one goes. */
  release(slot: number): void {
    if (this.table.stateOf(slot) === SlotState.RENEWED) this.table.setState(slot, SlotState.ALIVE);
    this.unhold(slot);
  }

  /** Nothing holds the record any more; whether the peer has it is not known. A dead one goes. */
  unhold(slot: number): void {
    if (slot < this.holders.length) this.holders[slot] = 0;
    if (this.table.stateOf(slot) === SlotState.DEAD) this.table.remove(slot);
  }

  /** From here on, {@link touched} says which records the kernel has spoken of. */
  beginAudit(): void {
    this.audit = (this.audit + 1) & 0xff;
  }

  touched(slot: number): boolean {
    return this.audits[slot] === this.audit;
  }

  /** Forgets all records. The engine must have let go of them. */
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
   * A renewed record is sent as NEW until it is released, that is until the peer has it: as an update it would be merged
   * there into the older flow, and keep what only that one had (the C node's peer does).
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
