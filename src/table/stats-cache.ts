import { FLOW_FORMAT } from '../wire/record.ts';
import { Cache } from './cache.ts';
import type { Keyer } from './key.ts';

/**
 * Our own kernel's flows, kept to count them and to log their ends. Nothing is sent of them: a flow that ended is
 * removed at once. {@link touched} tells which flows the kernel has spoken of since {@link beginAudit}.
 */
export class StatsCache extends Cache {
  private audits = new Uint8Array(1024);
  /** When the flow began, in seconds since 1970; 0 where that is not known. */
  private starts = new Float64Array(1024);
  private audit = 0;

  /**
   * @param limit HashLimit
   * @param fastPaths see `RecordTable`
   */
  constructor(keyer: Keyer, limit: number, fastPaths = true) {
    super(FLOW_FORMAT, keyer, limit, fastPaths);
  }

  /** The flow began. One that is known already stays as it is: the C node ignores such an event in this mode. */
  new(bytes: Uint8Array, length: number, now: number): void {
    const known = this.table.find(bytes, 0, length);
    this.touch(known >= 0 ? known : this.begin(bytes, length, now));
  }

  /** The flow changed, or stood in a dump. Returns its slot, or -1 if the cache is full. */
  update(bytes: Uint8Array, length: number, now: number): number {
    let slot = this.table.find(bytes, 0, length);
    if (slot < 0) slot = this.begin(bytes, length, now);
    else this.merge(slot, bytes, 0, length, now);
    this.touch(slot);
    return slot;
  }

  /** The flow ended. Returns whether it was known. */
  destroy(bytes: Uint8Array, length: number): boolean {
    const slot = this.table.find(bytes, 0, length);
    if (slot < 0) return false;
    this.remove(slot);
    return true;
  }

  remove(slot: number): void {
    this.table.remove(slot);
    this.countEnd();
  }

  /** When the flow began, in seconds since 1970; 0 where that is not known. */
  startOf(slot: number): number {
    return this.starts[slot] ?? 0;
  }

  setStart(slot: number, seconds: number): void {
    this.starts[slot] = seconds;
  }

  /** From here on, {@link touched} says which flows the kernel has spoken of. */
  beginAudit(): void {
    this.audit = (this.audit + 1) & 0xff;
  }

  touched(slot: number): boolean {
    return this.audits[slot] === this.audit;
  }

  /** Forgets all flows. */
  flush(): void {
    this.counters.destroyed += this.counters.active;
    this.counters.active = 0;
    this.table.clear();
  }

  private begin(bytes: Uint8Array, length: number, now: number): number {
    const slot = this.create(bytes, 0, length, now);
    if (slot < 0) return -1;
    if (slot >= this.audits.length) this.grow(Math.max(2 * this.audits.length, slot + 1));
    this.starts[slot] = 0;
    return slot;
  }

  private touch(slot: number): void {
    if (slot >= 0) this.audits[slot] = this.audit;
  }

  private grow(slots: number): void {
    const audits = new Uint8Array(slots);
    audits.set(this.audits);
    this.audits = audits;
    const starts = new Float64Array(slots);
    starts.set(this.starts);
    this.starts = starts;
  }
}
