import { networkWord } from '../../bytes/endian.ts';
import { alignedWordsOf } from '../../bytes/words.ts';
import { Change, type Origin } from '../../flow/change.ts';
import type { Expectation } from '../../flow/expectation.ts';
import type { Flow } from '../../flow/flow.ts';
import { NAT_MASK, Status } from '../../flow/status.ts';
import type { Tuple } from '../../flow/tuple.ts';
import { Errno } from '../../system/errno.ts';
import { Attr } from '../../wire/attribute.ts';
import { decodeFlow } from '../../wire/decode.ts';
import { type KernelCounters, kernelCounters, type TranscodeOptions } from '../kernel.ts';
import { Attributes } from './attributes.ts';
import { EventQueue, type FlowTraffic, LOCAL_RECORD_MAX, RecordType } from './events.ts';
import { Expectations } from './expectations.ts';
import { Expiry } from './expiry.ts';
import { endingRecord, FlowRecord, statusAt } from './flow-record.ts';
import { FLOWS_MAX, FlowTable } from './flow-table.ts';
import { HELPERS } from './helpers.ts';
import { asksForTranslation, translate } from './translation.ts';
import {
  hashKey,
  inverseKey,
  KEY_WORDS,
  keyOfTuple,
  masterKey,
  sourceMask,
  tupleOfKey,
  Word,
} from './tuple-key.ts';

export interface MemoryKernelOptions extends TranscodeOptions {
  /** Maximum number of flows (`nf_conntrack_max`): 262,144 by default, at most 4,194,304. */
  readonly limit?: number;
  /** Maximum number of queued events; further ones are lost. 65,536 by default. */
  readonly eventLimit?: number;
  /** Whether to queue events of expectations too. */
  readonly expectations?: boolean;
  readonly helpers?: readonly string[];
  /**
   * Schedules a call of `ready`, soon but after the call that caused the events has returned;
   * `queueMicrotask` by default. It is called again only after `ready` has run.
   */
  readonly announce?: (ready: () => void) => void;
}

/** Status bits that requests cannot change (IPS_UNCHANGEABLE_MASK). */
const UNCHANGEABLE =
  NAT_MASK |
  Status.EXPECTED |
  Status.CONFIRMED |
  Status.DYING |
  Status.SEQ_ADJUST |
  Status.TEMPLATE |
  Status.UNTRACKED |
  Status.OFFLOAD |
  Status.HW_OFFLOAD;

/**
 * Attributes that a request can change in an existing flow. Window scales are not among them: changing them
 * takes a flag that the C node does not send.
 */
const CHANGED_BY_REQUESTS: readonly number[] = [
  Attr.TCP_STATE,
  Attr.SCTP_STATE,
  Attr.SCTP_VTAG_ORIG,
  Attr.SCTP_VTAG_REPL,
  Attr.DCCP_STATE,
  Attr.DCCP_ROLE,
  Attr.MARK,
  Attr.NAT_SEQ_ADJ,
  Attr.LABELS,
  Attr.SYNPROXY,
];

/**
 * The flows and expectations of the table and their events: how each starts, changes and ends. Every change,
 * by a packet or a request, goes through this class and queues its event.
 */
export class FlowLifeCycle {
  readonly counters: KernelCounters = kernelCounters();
  protected readonly limit: number;
  protected readonly withScales: boolean;
  protected readonly helpers: ReadonlySet<string>;
  protected readonly announceBy: (ready: () => void) => void;
  protected eventLimit: number;
  protected readonly table = new FlowTable();
  protected readonly expiry = new Expiry();
  protected readonly expectations: Expectations;
  protected readonly events = new EventQueue();
  /** Traffic of flows, by slot, once a packet was counted. */
  protected readonly traffic = new Map<number, FlowTraffic>();
  /** Results of `lookup` for flows that have not changed since, by slot. */
  protected readonly shown = new Map<number, Flow>();
  protected lost = false;
  protected newFlowsSubscribed = true;
  protected now = 0;
  protected ready: (() => void) | undefined;
  protected paused = false;
  protected announced = false;
  // Scratch memory of the current call.
  protected readonly record: FlowRecord;
  protected readonly attributes = new Attributes();
  protected readonly original = new Int32Array(KEY_WORDS);
  protected readonly reply = new Int32Array(KEY_WORDS);
  protected readonly lookupKey = new Int32Array(KEY_WORDS);
  protected readonly mask = new Int32Array(KEY_WORDS);
  protected readonly scratch = new Uint8Array(LOCAL_RECORD_MAX);
  protected readonly scratchWords = alignedWordsOf(this.scratch);

  /** @throws RangeError if `limit` is too large */
  constructor(options: MemoryKernelOptions) {
    this.limit = options.limit ?? 262_144;
    if (this.limit > FLOWS_MAX) throw new RangeError(`a limit of ${this.limit} flows, above ${FLOWS_MAX}`);
    this.eventLimit = options.eventLimit ?? 65_536;
    this.helpers = new Set(options.helpers ?? HELPERS);
    this.announceBy = options.announce ?? queueMicrotask;
    this.withScales = options.windowScale;
    this.record = new FlowRecord(options);
    this.expectations = new Expectations(options.timeout, (change, origin, record) => {
      if (options.expectations !== true) return;
      this.scratch.set(record);
      this.queue(RecordType.EXPECTATION, change, origin, this.scratchWords, 0, record.length >> 2);
    });
  }

  get size(): number {
    return this.table.size;
  }

  /**
   * Number of single-event reads that would return something: the queued events, plus the report of a loss.
   */
  get waiting(): number {
    return this.events.size + (this.lost ? 1 : 0);
  }

  /** Handle of the flow that a packet with this tuple belongs to, in either direction; 0 if there is none. */
  handleOf(tuple: Tuple, zone = 0): number {
    keyOfTuple(tuple, zone, this.lookupKey);
    return this.soughtHandle();
  }

  /** Handle of the flow with the tuple in `lookupKey`, in either direction; 0 if there is none. */
  protected soughtHandle(): number {
    const tuple = this.table.find(this.lookupKey);
    return tuple < 0 ? 0 : this.table.handleOf(tuple >> 1);
  }

  /**
   * Adds the flow with the record in `attributes` and the key in `original`. Returns its slot, or a negative
   * errno.
   * @param scales whether to use the record's window scales
   */
  protected insert(timeout: number | undefined, origin: Origin, scales: boolean): number {
    const { attributes, original, reply, table } = this;
    if (!inverseKey(original, reply)) return -Errno.EINVAL;
    const originalHash = hashKey(original);
    if (table.find(original, originalHash) >= 0) return -Errno.EEXIST;
    if (table.size >= this.limit) return -Errno.ENOMEM;
    if (timeout === undefined) return -Errno.EINVAL;
    const status = attributes.i32(Attr.STATUS);
    let bits = (status & ~UNCHANGEABLE) | Status.CONFIRMED;
    if (attributes.has(Attr.NAT_SEQ_ADJ)) bits |= Status.SEQ_ADJUST;
    if (attributes.has(Attr.HELPER_NAME)) {
      if (!this.helpers.has(this.helperName())) return -Errno.EOPNOTSUPP;
      bits |= Status.HELPER;
    }
    if ((status & Status.DYING) !== 0) return -Errno.EBUSY;
    let master = -1;
    if (attributes.has(Attr.MASTER_IPV4) || attributes.has(Attr.MASTER_IPV6)) {
      master = this.masterAt();
      if (master < 0) return -Errno.ENOENT;
      bits |= Status.EXPECTED;
    }
    if (asksForTranslation(attributes)) {
      const translated = translate(attributes, reply, table);
      if (translated < 0) return -Errno.EEXIST;
      bits |= translated;
    }
    const replyHash = hashKey(reply);
    if (table.find(reply, replyHash) >= 0) return -Errno.EEXIST;
    this.record.write(attributes, original, reply, bits, scales, table.keys, master);
    const slot = table.add(original, originalHash, reply, replyHash, this.record);
    this.expiry.set(slot, this.now + timeout * 1000);
    this.emitEvent(Change.NEW, origin, slot);
    return slot;
  }

  protected helperName(): string {
    const { bytes } = this.attributes;
    const at = this.attributes.at(Attr.HELPER_NAME);
    return String.fromCharCode(...bytes.subarray(at, at + this.attributes.sizeOf(Attr.HELPER_NAME) - 1));
  }

  /**
   * Offset in the table's keys of the original key of the master that the record names by either direction;
   * -1 if there is none.
   */
  protected masterAt(): number {
    masterKey(this.attributes, this.original[Word.ZONE]!, this.lookupKey);
    const tuple = this.table.find(this.lookupKey);
    return tuple < 0 ? -1 : this.table.keyAt(tuple >> 1);
  }

  /** Updates the flow with the key in `original` from the record in `attributes`. Returns 0 or an errno. */
  protected change(timeout: number | undefined, origin: Origin): number {
    const { attributes, table } = this;
    const tuple = table.find(this.original);
    if (tuple < 0) return Errno.ENOENT;
    const slot = tuple >> 1;
    if (timeout !== undefined) this.expiry.set(slot, this.now + timeout * 1000);
    let added = 0;
    if (attributes.has(Attr.STATUS)) {
      const before = this.statusOf(slot);
      const asked = (attributes.i32(Attr.STATUS) & ~(Status.SRC_NAT | Status.DST_NAT)) | Status.CONFIRMED;
      const differ = asked ^ before;
      if ((differ & (Status.EXPECTED | Status.CONFIRMED | Status.DYING)) !== 0) return Errno.EBUSY;
      if ((before & ~asked & (Status.SEEN_REPLY | Status.ASSURED)) !== 0) return Errno.EBUSY;
      added = asked & ~UNCHANGEABLE;
    }
    if (attributes.has(Attr.NAT_SEQ_ADJ)) added |= Status.SEQ_ADJUST;
    this.merge(slot, CHANGED_BY_REQUESTS);
    this.addStatus(slot, added);
    this.emitEvent(Change.UPDATE, origin, slot);
    return 0;
  }

  /** Copies attributes of these types from the record in `attributes` to a flow's record. */
  protected merge(slot: number, types: readonly number[]): void {
    const { record, table } = this;
    record.merge(table.wordsOf(slot), table.wordOf(slot), table.countOf(slot), this.attributes, types);
    table.replace(slot, record);
  }

  protected delete(slot: number, origin: Origin): void {
    this.emitEvent(Change.DESTROY, origin, slot);
    this.expiry.end(slot);
    this.table.remove(slot);
    if (this.traffic.size > 0) this.traffic.delete(slot);
    if (this.expectations.earliest !== Infinity) this.expectations.masterEnded(slot, this.now);
  }

  protected insertExpectation(expectation: Expectation, timeout: number | undefined, origin: Origin): number {
    const { table, lookupKey, mask } = this;
    keyOfTuple(expectation.expected, 0, lookupKey);
    if (this.expectations.has(lookupKey)) return Errno.EEXIST;
    const slot = table.slotOf(this.handleOf(expectation.master));
    if (slot < 0) return Errno.ENOENT;
    const { original, helper } = this.flowOf(slot);
    if (helper === undefined) return Errno.EOPNOTSUPP;
    keyOfTuple(expectation.expected, 0, lookupKey);
    sourceMask(expectation.mask, mask);
    const master = { slot, original, helper };
    return this.expectations.add(expectation, lookupKey, mask, master, timeout, origin, this.now);
  }

  protected statusOf(slot: number): number {
    const words = this.table.wordsOf(slot);
    return networkWord(words[statusAt(words, this.table.wordOf(slot))]!);
  }

  protected addStatus(slot: number, bits: number): void {
    const words = this.table.wordsOf(slot);
    words[statusAt(words, this.table.wordOf(slot))]! |= networkWord(bits);
  }

  /** The flow in its current state, with its reply tuple instead of its translation. */
  protected flowOf(slot: number): Flow {
    const record = this.recordOf(slot);
    const { timeout: _, sourceNat: _s, destinationNat: _d, ...flow } = decodeFlow(record, 0, record.length);
    return { ...flow, reply: tupleOfKey(this.table.keys, this.table.keyAt(slot) + KEY_WORDS) };
  }

  protected recordOf(slot: number): Uint8Array {
    const { table } = this;
    this.putTimeout(slot);
    const words = table.wordsOf(slot);
    return new Uint8Array(words.buffer, 4 * table.wordOf(slot), 4 * table.countOf(slot)).slice();
  }

  /** Writes a flow's remaining time in seconds into its record. */
  protected putTimeout(slot: number): void {
    const { table } = this;
    const at = table.timeoutWordOf(slot);
    if (at === 0) return;
    const left = this.expiry.timeOf(slot) - this.now;
    // `expiry` gives Infinity for a slot that has expired.
    const seconds = left > 0 && left !== Infinity ? Math.trunc(left / 1000) : 0;
    table.wordsOf(slot)[table.wordOf(slot) + at] = networkWord(seconds);
  }

  protected emitEvent(change: Change, origin: Origin, slot: number): void {
    if (this.shown.size > 0) this.shown.delete(slot);
    const { table } = this;
    this.putTimeout(slot);
    const words = table.wordsOf(slot);
    const at = table.wordOf(slot);
    const count = table.countOf(slot);
    if (change === Change.DESTROY) this.emitDestroy(origin, slot, words, at, count);
    else if (change !== Change.NEW || this.newFlowsSubscribed)
      this.queue(RecordType.FLOW, change, origin, words, at, count);
  }

  protected emitDestroy(origin: Origin, slot: number, words: Int32Array, at: number, count: number): void {
    words[statusAt(words, at)]! |= networkWord(Status.DYING);
    let queued: boolean;
    if (this.table.isPlain(slot)) {
      queued = this.queue(RecordType.FLOW, Change.DESTROY, origin, words, at, count);
    } else {
      const size = endingRecord(words, at, count, this.scratchWords);
      queued = this.queue(RecordType.FLOW, Change.DESTROY, origin, this.scratchWords, 0, size);
    }
    const traffic = queued && this.traffic.size > 0 ? this.traffic.get(slot) : undefined;
    if (traffic !== undefined) this.events.addTraffic(traffic);
  }

  /** Queues an event; false if there is no room and the event is lost. */
  protected queue(
    item: RecordType,
    change: Change,
    origin: Origin,
    words: Int32Array,
    at: number,
    count: number,
  ): boolean {
    const room = this.events.size < this.eventLimit;
    if (room) this.events.push(item, change, origin, words, at, count);
    else this.lost = true;
    if (this.ready !== undefined) this.announce();
    return room;
  }

  protected announce(): void {
    if (this.announced || this.paused || this.ready === undefined || this.waiting === 0) return;
    this.announced = true;
    this.announceBy(this.callReady);
  }

  protected readonly callReady = (): void => {
    this.announced = false;
    if (!this.paused && this.waiting > 0) this.ready?.();
  };
}
