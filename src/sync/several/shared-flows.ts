import { Change, Origin } from '../../flow/change.ts';
import { Item } from '../../flow/item.ts';
import type { InternalCache } from '../../table/internal-cache.ts';
import { SlotState } from '../../table/record-table.ts';
import { secondsOf } from '../../table/seconds.ts';
import { Attr, RECORD_MAX } from '../../wire/attribute.ts';
import type { SyncEngine } from '../engine.ts';
import type { AuditedRecords } from '../internal/internal-records.ts';
import { TRANSLATION } from '../internal/translation.ts';
import type { RecordSink } from '../replica.ts';
import {
  compareAttributes,
  copyState,
  isAnother,
  MARK,
  numberOf,
  progressOf,
  setValue,
} from './flow-progress.ts';
import { SlotNotes } from './slot-notes.ts';

/** Two ends that are nearer than this, in seconds, are one: clocks are read in whole seconds, and a table is looked at now and then. */
const NEAR_S = 5;

export interface SharedFlowsCounters {
  /** Records of peers that our kernel got. */
  adopted: number;
  /** Records of peers that brought nothing new. */
  known: number;
  /** Flows that two nodes had changed at once. */
  conflicts: number;
  /** Ends of peers' flows, which say nothing about ours. */
  endsIgnored: number;
  /** Entries of our kernel's table that were looked at. */
  lookedAt: number;
  /** Flows sent again because their packets pass here without events. */
  renewed: number;
  /** Flows whose older state in our kernel was replaced by that of the record. */
  restored: number;
}

/**
 * The flows of a group of nodes of which several forward at once: the internal cache has every flow of our kernel, whoever's
 * traffic it is. docs/multi-primary.md has the rules: what a peer sends is joined with what is known, so that all kernels come to
 * the same in whichever order it arrives; an end is local; and who carries a flow says so.
 */
export class SharedFlows implements RecordSink, AuditedRecords {
  readonly keepsRecords = true;
  readonly item = Item.FLOW;
  readonly cache: InternalCache;
  readonly counters: SharedFlowsCounters = {
    adopted: 0,
    known: 0,
    conflicts: 0,
    endsIgnored: 0,
    lookedAt: 0,
    renewed: 0,
    restored: 0,
  };
  private readonly engine: SyncEngine;
  private readonly kernel: RecordSink;
  private readonly flushKernel: () => void;
  private readonly notes = new SlotNotes();
  /** The record that is being joined. */
  private readonly record = new Uint8Array(RECORD_MAX);

  /**
   * @param kernel puts records into our kernel
   * @param flushKernel sends to the kernel what was put in; what a peer sent is sent by the caller
   */
  constructor(cache: InternalCache, engine: SyncEngine, kernel: RecordSink, flushKernel: () => void) {
    this.cache = cache;
    this.engine = engine;
    this.kernel = kernel;
    this.flushKernel = flushKernel;
  }

  // ---- What peers send ----

  replace(bytes: Uint8Array, start: number, end: number, seconds: number): void {
    this.join(bytes, start, end, true, seconds);
  }

  update(bytes: Uint8Array, start: number, end: number, seconds: number): void {
    this.join(bytes, start, end, false, seconds);
  }

  /** A C node sends the ends of its flows; that they ended there says nothing about their packets here. */
  delete(): void {
    this.counters.endsIgnored++;
  }

  private join(bytes: Uint8Array, start: number, end: number, isNew: boolean, seconds: number): void {
    const { cache, record, notes } = this;
    const { table } = cache;
    const slot = this.find(bytes, start, end);
    const theirs = numberOf(bytes, start, end, Attr.TIMEOUT);
    const theirEnd = seconds + theirs;
    if (slot < 0) {
      this.kernel.update(bytes, start, end, seconds);
      this.adopt(this.load(bytes, start, end), false, seconds, theirEnd);
      return;
    }
    const known = table.bytesOf(slot);
    const at = table.offsetOf(slot);
    const knownEnd = at + table.sizeOf(slot);
    if (isNew && isAnother(known, at, knownEnd, bytes, start, end)) {
      this.kernel.replace(bytes, start, end, seconds);
      this.adopt(this.load(bytes, start, end), true, seconds, theirEnd);
      return;
    }

    // Marks and translations have no order: of two that were set at once the greater one stays, on all nodes.
    const isOwnOnItsWay = cache.holderOf(slot) !== 0;
    const marks = compareAttributes(MARK, known, at, knownEnd, bytes, start, end);
    const translations = compareAttributes(TRANSLATION, known, at, knownEnd, bytes, start, end);
    const keepsTranslation = isOwnOnItsWay && translations > 0;
    const size = keepsTranslation ? this.load(known, at, knownEnd) : this.load(bytes, start, end);
    if (isOwnOnItsWay && marks > 0) this.set(size, Attr.MARK, numberOf(known, at, knownEnd, Attr.MARK));

    const ahead = progressOf(bytes, start, end) - progressOf(known, at, knownEnd);
    if (ahead > 0) copyState(bytes, start, end, record, size);
    else copyState(known, at, knownEnd, record, size);
    const bits = numberOf(bytes, start, end, Attr.STATUS) | numberOf(known, at, knownEnd, Attr.STATUS);
    this.set(size, Attr.STATUS, bits);
    const ours = Math.max(0, notes.ownEndOf(slot) - seconds);
    const isLater = ahead === 0 && theirs - ours > Math.max(NEAR_S, theirs >>> 2);
    this.set(size, Attr.TIMEOUT, ahead > 0 || isLater ? theirs : ours);
    notes.notePeers(slot, theirEnd);

    if (isOwnOnItsWay && (marks !== 0 || translations !== 0)) {
      this.counters.conflicts++;
      this.engine.enqueue(Item.FLOW, slot);
    }
    if (!isLater && cache.agrees(slot, record, 0, size)) {
      this.counters.known++;
      return;
    }
    // The kernel changes no translation of a flow that it has (EOPNOTSUPP).
    if (translations !== 0 && !keepsTranslation) this.kernel.replace(record, 0, size, seconds);
    else this.kernel.update(record, 0, size, seconds);
    this.adopt(size, false, seconds, notes.sharedEndOf(slot));
  }

  // ---- What our kernel says ----

  handleKernelChange(
    change: Change,
    origin: Origin,
    bytes: Uint8Array,
    length: number,
    now: number,
  ): boolean {
    if (origin === Origin.INJECT) return false;
    const slot = this.find(bytes, 0, length);
    if (change === Change.DESTROY) {
      if (slot >= 0) this.end(slot);
      return slot >= 0;
    }
    const isBack = slot >= 0 && progressOf(bytes, 0, length) < this.progressOfSlot(slot);
    if (change === Change.NEW || !isBack) return this.share(change, bytes, length, now) >= 0;
    // What a peer did since has overtaken this event: the next look shows what our kernel has.
    if (this.notes.isAdopted(slot)) return true;
    return this.share(Change.NEW, bytes, length, now) >= 0;
  }

  /** What a peer has changed since the dump began stays as well. */
  populate(bytes: Uint8Array, length: number, now: number): void {
    const { cache, notes } = this;
    const known = this.find(bytes, 0, length);
    if (known >= 0 && cache.touched(known)) return;
    const seconds = secondsOf(now);
    const slot = cache.update(bytes, length, seconds);
    if (slot < 0) return;
    this.markKnown(slot);
    const end = seconds + numberOf(bytes, 0, length, Attr.TIMEOUT);
    notes.note(slot, end, end, false);
  }

  /** What the cache has is sent already, or waits to be. */
  resend(bytes: Uint8Array, length: number, now: number): void {
    this.reconcile(bytes, length, now);
  }

  /** Sends flows that our traffic keeps alive, too, and puts the record into the kernel where that was overtaken. */
  reconcile(bytes: Uint8Array, length: number, now: number): boolean {
    const { cache, notes, counters } = this;
    const { table } = cache;
    counters.lookedAt++;
    const slot = this.find(bytes, 0, length);
    if (slot < 0) {
      const created = this.share(Change.UPDATE, bytes, length, now);
      if (created >= 0) table.setState(created, SlotState.ALIVE);
      return true;
    }
    if (cache.touched(slot)) return false;
    const seconds = secondsOf(now);
    const ahead = progressOf(bytes, 0, length) - this.progressOfSlot(slot);
    if (ahead < 0 && notes.isAdopted(slot)) {
      counters.restored++;
      const start = table.offsetOf(slot);
      this.kernel.update(table.bytesOf(slot), start, start + table.sizeOf(slot), seconds);
      this.flushKernel();
      return false;
    }
    if (ahead !== 0 || (!notes.isAdopted(slot) && !cache.agrees(slot, bytes, 0, length))) {
      this.share(ahead < 0 ? Change.NEW : Change.UPDATE, bytes, length, now);
      notes.noteShown(slot);
      return true;
    }
    const timeout = numberOf(bytes, 0, length, Attr.TIMEOUT);
    const left = notes.sharedEndOf(slot) - seconds;
    if (timeout - left > Math.max(NEAR_S, timeout >>> 1)) {
      counters.renewed++;
      this.share(Change.UPDATE, bytes, length, now);
      return false;
    }
    cache.refresh(slot, bytes, length, seconds);
    notes.noteOwn(slot, seconds + timeout);
    return false;
  }

  /** Of a flow that a peer has just brought further as well, whose record {@link reconcile} would leave alone. */
  reconcileShifted(bytes: Uint8Array, length: number, now: number): boolean {
    const { cache } = this;
    const slot = this.find(bytes, 0, length);
    if (slot < 0 || cache.touched(slot) || cache.confirm(slot, bytes, length)) return false;
    if (progressOf(bytes, 0, length) < this.progressOfSlot(slot)) return false;
    return this.share(Change.UPDATE, bytes, length, now) >= 0;
  }

  /** It has ended here alone. */
  handleGone(slot: number): boolean {
    const state = this.cache.table.stateOf(slot);
    if (state === SlotState.FREE || state === SlotState.DEAD) return false;
    this.end(slot);
    return true;
  }

  handleTableRead(): void {
    this.engine.noteTableRead(Item.FLOW);
  }

  flush(): void {
    this.engine.releaseRecords(Item.FLOW);
    this.cache.flush();
  }

  /** The slot of the live flow with the key of `bytes[start, end)`, or -1. */
  private find(bytes: Uint8Array, start: number, end: number): number {
    const { table } = this.cache;
    const slot = table.size === 0 ? -1 : table.find(bytes, start, end);
    return slot < 0 || table.stateOf(slot) === SlotState.DEAD ? -1 : slot;
  }

  /** Keeps what our kernel's traffic changed, and sends it. Returns the slot, -1 if the cache is full. */
  private share(change: Change, bytes: Uint8Array, length: number, now: number): number {
    const { cache, notes } = this;
    const seconds = secondsOf(now);
    const known = this.find(bytes, 0, length);
    // A request of ours may have come between the packet and its event: then our kernel has less, which the next look shows.
    const isAdopted = change === Change.UPDATE && known >= 0 && notes.isAdopted(known);
    const slot =
      change === Change.NEW ? cache.new(bytes, length, seconds) : cache.update(bytes, length, seconds);
    if (slot < 0) return slot;
    // The peers may have an older flow of this tuple: it is NEW until they have this one, whatever happens to it meanwhile.
    if (change === Change.NEW) cache.table.setState(slot, SlotState.RENEWED);
    const end = seconds + numberOf(bytes, 0, length, Attr.TIMEOUT);
    notes.note(slot, end, end, isAdopted);
    this.engine.enqueue(Item.FLOW, slot);
    return slot;
  }

  /** Keeps what our kernel gets of a peer: the joined record, which is not sent. */
  private adopt(size: number, isAnotherFlow: boolean, seconds: number, sharedEnd: number): void {
    const { cache, record, notes } = this;
    this.counters.adopted++;
    const slot = isAnotherFlow ? cache.new(record, size, seconds) : cache.update(record, size, seconds);
    if (slot < 0) return;
    this.markKnown(slot);
    notes.note(slot, seconds + numberOf(record, 0, size, Attr.TIMEOUT), sharedEnd, true);
  }

  /** Others have the flow as well: it is no NEW to them, unless ours is on its way. */
  private markKnown(slot: number): void {
    if (this.cache.holderOf(slot) === 0) this.cache.table.setState(slot, SlotState.ALIVE);
  }

  /** An end is local: what waits to be sent of the flow is not sent any more. */
  private end(slot: number): void {
    if (!this.cache.kill(slot)) return;
    this.engine.forget(Item.FLOW, slot);
    if (this.cache.table.stateOf(slot) === SlotState.DEAD) this.engine.handleRecordEnded(Item.FLOW, slot);
  }

  private progressOfSlot(slot: number): number {
    const { table } = this.cache;
    const start = table.offsetOf(slot);
    return progressOf(table.bytesOf(slot), start, start + table.sizeOf(slot));
  }

  /** Copies `bytes[start, end)` to the joined record. Returns its size. */
  private load(bytes: Uint8Array, start: number, end: number): number {
    const size = end - start;
    for (let n = 0; n < size; n++) this.record[n] = bytes[start + n]!;
    return size;
  }

  private set(size: number, attribute: number, value: number): void {
    setValue(this.record, size, attribute, value >>> 0);
  }
}
