import { Change, Origin } from '../../flow/change.ts';
import type { Item } from '../../flow/item.ts';
import type { InternalCache } from '../../table/internal-cache.ts';
import { SlotState } from '../../table/record-table.ts';
import { secondsOf } from '../../table/seconds.ts';
import type { SyncEngine } from '../engine.ts';
import type { AuditedRecords } from './internal-records.ts';
import { areTranslatedAlike } from './translation.ts';

/** The flows, or the expectations, of our own kernel's traffic: every change goes into the internal cache and to the peers. */
export class CachedRecords implements AuditedRecords {
  readonly keepsRecords = true;
  readonly item: Item;
  readonly cache: InternalCache;
  private readonly engine: SyncEngine;
  private readonly ownsUnknown: boolean;

  /**
   * @param ownsUnknown whether what a dump shows and the cache does not have is ours: what a node with DisableExternalCache
   *   puts into its kernel for the peer makes no record here
   */
  constructor(item: Item, cache: InternalCache, engine: SyncEngine, ownsUnknown: boolean) {
    this.item = item;
    this.cache = cache;
    this.engine = engine;
    this.ownsUnknown = ownsUnknown;
  }

  handleKernelChange(
    change: Change,
    origin: Origin,
    bytes: Uint8Array,
    length: number,
    now: number,
  ): boolean {
    if (origin === Origin.INJECT) return false;
    const { item, cache, engine } = this;
    const seconds = secondsOf(now);
    if (change === Change.DESTROY) {
      const slot = cache.destroy(bytes, length);
      if (slot < 0) return false;
      if (origin === Origin.OTHER) engine.enqueue(item, slot);
      else engine.handleRecordEnded(item, slot);
      return true;
    }
    const known =
      change === Change.NEW ? cache.new(bytes, length, seconds) : cache.update(bytes, length, seconds);
    if (known < 0) return false;
    engine.handleRecordChanged(item, known, now);
    if (origin === Origin.OTHER) engine.enqueue(item, known);
    else if (change === Change.NEW) engine.forget(item, known);
    return true;
  }

  populate(bytes: Uint8Array, length: number, now: number): void {
    const { item, cache, engine } = this;
    const known = this.find(bytes, length);
    if (known >= 0 && cache.touched(known)) return;
    const slot = cache.update(bytes, length, secondsOf(now));
    if (slot >= 0) engine.handleRecordChanged(item, slot, now);
  }

  /** Sends what the entry says in any case: the peer lacks what was lost, and nobody knows what that was. */
  resend(bytes: Uint8Array, length: number, now: number): void {
    const change = this.changeOf(this.find(bytes, length), bytes, length);
    this.handleKernelChange(change, Origin.OTHER, bytes, length, now);
  }

  reconcile(bytes: Uint8Array, length: number, now: number): boolean {
    const { cache } = this;
    const slot = this.find(bytes, length);
    // A flow that came back without its translation also has another status, which confirms nothing.
    const isKnown = slot < 0 ? !this.ownsUnknown : cache.touched(slot) || cache.confirm(slot, bytes, length);
    if (isKnown) return false;
    return this.handleKernelChange(this.changeOf(slot, bytes, length), Origin.OTHER, bytes, length, now);
  }

  reconcileShifted(bytes: Uint8Array, length: number, now: number): boolean {
    return this.reconcile(bytes, length, now);
  }

  /** The event of its end was lost: sends the end. */
  handleGone(slot: number): boolean {
    const { item, cache, engine } = this;
    if (cache.table.stateOf(slot) === SlotState.FREE || !cache.kill(slot)) return false;
    engine.enqueue(item, slot);
    return true;
  }

  handleTableRead(): void {
    this.engine.noteTableRead(this.item);
  }

  flush(): void {
    this.engine.releaseRecords(this.item);
    this.cache.flush();
  }

  /** Forgets the record of this slot and sends nothing: the peer has it now. */
  disown(slot: number): void {
    if (this.cache.kill(slot)) this.engine.handleRecordEnded(this.item, slot);
  }

  /** What has happened to the flow of this slot, -1 if it is not known, where a dump shows it so: its end may have been lost. */
  private changeOf(slot: number, bytes: Uint8Array, length: number): Change {
    if (slot < 0) return Change.UPDATE;
    const { table } = this.cache;
    const start = table.offsetOf(slot);
    const end = start + table.sizeOf(slot);
    const isSame = areTranslatedAlike(table.bytesOf(slot), start, end, bytes, 0, length);
    return isSame ? Change.UPDATE : Change.NEW;
  }

  /** The slot of the live record with the key of `bytes[0, length)`, or -1. */
  private find(bytes: Uint8Array, length: number): number {
    const { table } = this.cache;
    const slot = table.find(bytes, 0, length);
    return slot < 0 || table.stateOf(slot) === SlotState.DEAD ? -1 : slot;
  }
}
