import { FLOW_FORMAT } from '../wire/record.ts';
import { Cache } from './cache.ts';
import type { Keyer } from './key.ts';

/**
 * The flows of this node's kernel, kept to count them and to log their ends. Nothing is sent to peers, so a
 * flow that ends is removed immediately. {@link touched} shows which flows the kernel has reported since
 * {@link beginAudit}.
 */
export class StatsCache extends Cache {
  private audits = new Uint8Array(1024);
  /** Start of each flow, in seconds since 1970; 0 if unknown. */
  private starts = new Float64Array(1024);
  private audit = 0;

  /**
   * @param limit HashLimit
   * @param fastPaths see `RecordTable`
   */
  constructor(keyer: Keyer, limit: number, fastPaths = true) {
    super(FLOW_FORMAT, keyer, limit, fastPaths);
  }

  /** Handles a new flow. A known flow stays unchanged: the C node ignores such an event in this mode. */
  new(bytes: Uint8Array, length: number, now: number): void {
    const known = this.table.find(bytes, 0, length);
    this.touch(known >= 0 ? known : this.begin(bytes, length, now));
  }

  /** Handles an update of a flow, or a dumped one. Returns its slot, or -1 if the cache is full. */
  update(bytes: Uint8Array, length: number, now: number): number {
    let slot = this.table.find(bytes, 0, length);
    if (slot < 0) slot = this.begin(bytes, length, now);
    else this.merge(slot, bytes, 0, length, now);
    this.touch(slot);
    return slot;
  }

  /** Handles the end of a flow. Returns whether the flow was known. */
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

  /** Start of the flow, in seconds since 1970; 0 if unknown. */
  startOf(slot: number): number {
    return this.starts[slot] ?? 0;
  }

  setStart(slot: number, seconds: number): void {
    this.starts[slot] = seconds;
  }

  /** Starts an audit: {@link touched} then shows which flows the kernel has reported since this call. */
  beginAudit(): void {
    this.audit = (this.audit + 1) & 0xff;
  }

  touched(slot: number): boolean {
    return this.audits[slot] === this.audit;
  }

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
