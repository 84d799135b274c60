import { readU32 } from '../../../bytes/integers.ts';
import { FALLBACK_TIMEOUT_S } from '../../../kernel/apply/fallback-timeout.ts';
import type { RecordSink } from '../../../sync/replica.ts';
import { ExternalCache } from '../../../table/external-cache.ts';
import { FlowKeyer } from '../../../table/key.ts';
import { SlotState } from '../../../table/record-table.ts';
import { TimerWheel } from '../../../table/timer-wheel.ts';
import { Attr, TLV_HEADER } from '../../../wire/attribute.ts';
import { FLOW_FORMAT, findAttribute } from '../../../wire/record.ts';

/** Each flow is refreshed at least this often, which also brings back what our kernel lost unseen. */
const REFRESH_MAX_S = 600;
/** Refreshes in one second: about 20 ms of work. The others wait a second, unless they cannot. */
const REFRESHES_PER_SECOND = 4096;
/** A flow with so short a timeout, in seconds, does not wait, and is refreshed once more at a takeover. */
const URGENT_TIMEOUT_S = 10;

/** `TCP_CONNTRACK_TIME_WAIT` and `TCP_CONNTRACK_CLOSE` in the kernel's `nf_conntrack_tcp.h`: no packet prolongs such a flow. */
const TCP_TIME_WAIT = 7;
const TCP_CLOSE = 8;

export interface KeptFlowsOptions {
  /** HashLimit: flows kept at most; what the peer has beyond them is injected as without keeping. */
  readonly hashLimit: number;
  readonly hashSeed: number;
  readonly fastPaths?: boolean;
}

export interface KeptFlowsCounters {
  /** Timeouts that were renewed, flows put back included. */
  refreshed: number;
  /** Flows that our kernel lost although the peer had not ended them. */
  lost: number;
  /** Flows removed because the peer no longer had them. */
  removed: number;
}

/**
 * The peer's flows in the kernel of a hot standby. The peer tells of a flow when it changes; one that only lives on makes no
 * events, and our kernel, which sees none of its packets, would let it time out. So each flow has a timer of half its timeout,
 * less up to a quarter of that to spread the work, and is put into the kernel again, in its last known state, when it fires.
 *
 * What the peer sends goes into the kernel at once. A record that our kernel has already, as most of a bulk, costs no request.
 */
export class KeptFlows implements RecordSink {
  readonly counters: KeptFlowsCounters = { refreshed: 0, lost: 0, removed: 0 };
  private readonly cache: ExternalCache;
  private readonly timers: TimerWheel;
  private readonly kernel: RecordSink;
  /** Whether our kernel lacks the flow of a slot. */
  private lacks = new Uint8Array(1024);
  private refreshesLeft = 0;

  /**
   * @param kernel puts records into the kernel
   * @param seconds the caches' clock
   */
  constructor(kernel: RecordSink, options: KeptFlowsOptions, seconds: number) {
    const { hashLimit, hashSeed, fastPaths } = options;
    this.kernel = kernel;
    this.cache = new ExternalCache(FLOW_FORMAT, new FlowKeyer(hashSeed), hashLimit, fastPaths);
    this.timers = new TimerWheel(REFRESH_MAX_S, seconds);
  }

  get size(): number {
    return this.cache.table.size;
  }

  /** Bytes allocated for the records and their index. */
  get memory(): number {
    return this.cache.table.memory;
  }

  has(bytes: Uint8Array, start: number, end: number): boolean {
    return this.cache.table.find(bytes, start, end) >= 0;
  }

  replace(bytes: Uint8Array, start: number, end: number, seconds: number): void {
    if (this.confirmUnchanged(bytes, start, end, seconds)) return;
    this.kernel.replace(bytes, start, end, seconds);
    this.keep(this.cache.replace(bytes, start, end, seconds));
  }

  update(bytes: Uint8Array, start: number, end: number, seconds: number): void {
    if (this.confirmUnchanged(bytes, start, end, seconds)) return;
    this.kernel.update(bytes, start, end, seconds);
    this.keep(this.cache.update(bytes, start, end, seconds));
  }

  delete(bytes: Uint8Array, start: number, end: number): void {
    this.kernel.delete(bytes, start, end);
    this.forget(bytes, start, end);
  }

  /** Leaves a flow, `bytes[start, end)`, to our kernel: it is kept no longer. Returns whether it was. */
  forget(bytes: Uint8Array, start: number, end: number): boolean {
    const slot = this.cache.table.find(bytes, start, end);
    if (slot < 0) return false;
    this.drop(slot);
    return true;
  }

  /** Leaves all flows to our kernel. */
  forgetAll(): void {
    this.timers.clear();
    this.cache.flush();
  }

  /** Our kernel has ended a flow which the peer has not: it is put back within seconds. */
  noteLost(bytes: Uint8Array, start: number, end: number): void {
    const slot = this.cache.table.find(bytes, start, end);
    if (slot < 0) return;
    this.counters.lost++;
    this.lacks[slot] = 1;
    // The peer's own kernel may be ending it just now.
    if (!this.isClosed(slot)) this.timers.set(slot, 2);
  }

  /** Events of our kernel were lost, perhaps of flows that ended: all are refreshed within ten seconds. */
  noteEventsLost(): void {
    const { table } = this.cache;
    for (let slot = 0; slot < table.slots; slot++) {
      if (table.stateOf(slot) !== SlotState.FREE && !this.isClosed(slot))
        this.timers.set(slot, 1 + (slot % 10));
    }
  }

  /** Sets the time, and refreshes what is due. */
  refresh(seconds: number): void {
    this.refreshesLeft = REFRESHES_PER_SECOND;
    this.timers.expire(seconds, (slot) => this.refreshFlow(slot, seconds));
  }

  /** Refreshes flows of short timeouts: their packets need a moment to find the way here. */
  refreshUrgent(seconds: number): void {
    const { table } = this.cache;
    this.refreshesLeft = REFRESHES_PER_SECOND;
    for (let slot = 0; slot < table.slots && this.refreshesLeft > 0; slot++) {
      if (table.stateOf(slot) === SlotState.FREE || this.isClosed(slot)) continue;
      if (this.timeoutOf(slot) <= URGENT_TIMEOUT_S) this.refreshFlow(slot, seconds);
    }
  }

  /** Sets the time without refreshing anything. */
  skip(seconds: number): void {
    this.timers.expire(seconds, (slot) => this.timers.set(slot, this.intervalOf(slot)));
  }

  /** How many flows the peer has not spoken of since then. */
  unconfirmed(seconds: number): number {
    const { table } = this.cache;
    let count = 0;
    for (let slot = 0; slot < table.slots; slot++) if (this.isUnconfirmed(slot, seconds)) count++;
    return count;
  }

  /** Removes the flows of which the peer has not spoken since then from our kernel, and keeps them no longer. */
  removeUnconfirmed(seconds: number): number {
    const { table } = this.cache;
    let removed = 0;
    for (let slot = 0; slot < table.slots; slot++) {
      if (!this.isUnconfirmed(slot, seconds)) continue;
      const start = table.offsetOf(slot);
      this.kernel.delete(table.bytesOf(slot), start, start + table.sizeOf(slot));
      this.drop(slot);
      removed++;
    }
    this.counters.removed += removed;
    return removed;
  }

  private isUnconfirmed(slot: number, seconds: number): boolean {
    const { table } = this.cache;
    return table.stateOf(slot) !== SlotState.FREE && table.updatedAt(slot) < seconds;
  }

  /** Returns whether our kernel has the flow as `bytes[start, end)` say, so that only the time is noted. */
  private confirmUnchanged(bytes: Uint8Array, start: number, end: number, seconds: number): boolean {
    const { table } = this.cache;
    const slot = table.find(bytes, start, end);
    if (slot < 0 || this.lacks[slot] === 1 || this.isClosed(slot)) return false;
    const size = end - start;
    if (table.sizeOf(slot) !== size) return false;
    const stored = table.bytesOf(slot);
    const at = table.offsetOf(slot);
    for (let n = 0; n < size; n++) if (stored[at + n] !== bytes[start + n]) return false;
    table.setUpdated(slot, seconds);
    return true;
  }

  private keep(slot: number): void {
    if (slot < 0) return;
    if (slot >= this.lacks.length) {
      const grown = new Uint8Array(Math.max(2 * this.lacks.length, slot + 1));
      grown.set(this.lacks);
      this.lacks = grown;
    }
    this.lacks[slot] = 0;
    if (this.isClosed(slot)) this.timers.end(slot);
    else this.timers.set(slot, this.intervalOf(slot));
  }

  private drop(slot: number): void {
    this.timers.end(slot);
    this.cache.drop(slot);
  }

  private refreshFlow(slot: number, seconds: number): void {
    if (this.refreshesLeft <= 0 && this.timeoutOf(slot) > URGENT_TIMEOUT_S) {
      this.timers.set(slot, 1);
      return;
    }
    this.refreshesLeft--;
    this.counters.refreshed++;
    const { table } = this.cache;
    const start = table.offsetOf(slot);
    this.kernel.update(table.bytesOf(slot), start, start + table.sizeOf(slot), seconds);
    this.lacks[slot] = 0;
    this.timers.set(slot, this.intervalOf(slot));
  }

  private intervalOf(slot: number): number {
    const half = Math.min(this.timeoutOf(slot) >>> 1, REFRESH_MAX_S);
    return half - (slot % (1 + (half >>> 2)));
  }

  private timeoutOf(slot: number): number {
    const at = this.find(slot, Attr.TIMEOUT);
    return at < 0 ? FALLBACK_TIMEOUT_S : readU32(this.cache.table.bytesOf(slot), at + TLV_HEADER);
  }

  private isClosed(slot: number): boolean {
    const at = this.find(slot, Attr.TCP_STATE);
    if (at < 0) return false;
    const state = this.cache.table.bytesOf(slot)[at + TLV_HEADER];
    return state === TCP_TIME_WAIT || state === TCP_CLOSE;
  }

  private find(slot: number, attribute: number): number {
    const { table } = this.cache;
    const start = table.offsetOf(slot);
    return findAttribute(table.bytesOf(slot), start, start + table.sizeOf(slot), attribute);
  }
}
