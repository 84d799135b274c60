/**
 * A connection tracking table in memory that answers as the kernel's does: for the simulator, the demo, and for machines
 * without root or without Linux.
 *
 * Time is what `advance` says it is. What packets would do to the table is done by the traffic side, in two forms. One is
 * for people: `originate`, `setState`, `refresh`, `expire` name a flow by its tuple and speak of `Flow`s. The other is
 * for workloads, and costs a fraction of a microsecond an event: `begin` takes a canonical record and returns a *handle*, a
 * positive number by which `setTcpState`, `setStatus`, `setMark`, `extend` and `end` know the flow. The handle of a flow
 * that has ended, in whatever way, never means another one: they return false for it.
 *
 * Nothing here depends on a clock or on chance: the same calls have the same effects and events, in the same order.
 */

import { alignedWordsOf, networkWord } from '../../bytes/aligned-words.ts';
import { writeU16 } from '../../bytes/integers.ts';
import type { Count } from '../../flow/accounting.ts';
import { Change, Origin } from '../../flow/change.ts';
import type { Expectation } from '../../flow/expectation.ts';
import type { Flow } from '../../flow/flow.ts';
import { isIcmp, Protocol, sendsPorts } from '../../flow/protocol.ts';
import { icmpReplyType, NO_ICMP_REPLY } from '../../flow/reply.ts';
import { NAT_MASK, Status } from '../../flow/status.ts';
import type { Tuple } from '../../flow/tuple.ts';
import { Errno } from '../../system/errno.ts';
import { Attr, TLV_HEADER } from '../../wire/attribute.ts';
import { decodeExpectation, decodeFlow } from '../../wire/decode.ts';
import { encodeFlow } from '../../wire/encode.ts';
import { tupleHasPorts } from '../codec/request-tuple.ts';
import {
  type Batch,
  type Dump,
  type EventWatch,
  type Kernel,
  type KernelCounters,
  KernelError,
  type KernelSink,
  Read,
  type TranscodeOptions,
} from '../kernel.ts';
import { Attributes } from './attributes.ts';
import { MemoryBatch, RequestType } from './batch.ts';
import { MemoryDump } from './dump.ts';
import { EventQueue, type FlowTraffic, LOCAL_RECORD_MAX, RecordType } from './events.ts';
import { Expectations } from './expectations.ts';
import { Expiry } from './expiry.ts';
import { endingRecord, FlowRecord, statusAt, valueAt } from './flow-record.ts';
import { FLOWS_MAX, FlowTable } from './flow-table.ts';
import { HELPERS } from './helpers.ts';
import { asksForTranslation, translate } from './translation.ts';
import {
  hashKey,
  inverseKey,
  isAnswerable,
  KEY_WORDS,
  keyOfTuple,
  masterKey,
  originalKey,
  protocolOf,
  sourceMask,
  tupleOfKey,
  Word,
} from './tuple-key.ts';

export interface MemoryKernelOptions extends TranscodeOptions {
  /** Most flows in the table (`nf_conntrack_max`); 262,144 unless given, 4,194,304 at most. */
  readonly limit?: number;
  /** Most events that wait to be read; those beyond are lost. 65,536 unless given. */
  readonly eventLimit?: number;
  /** Events of expectations too. */
  readonly expectations?: boolean;
  /** Names of the helpers there are. */
  readonly helpers?: readonly string[];
  /**
   * Sees to it that `ready` is called soon, but not before the call that brought the events has returned; `queueMicrotask`
   * unless given. It is not asked again until `ready` was called.
   */
  readonly announce?: (ready: () => void) => void;
}

/** Bytes for which one waiting event counts, so that sizes of the event buffer mean something here too. */
const EVENT_BYTES = 1024;

/** The bits that no request changes (IPS_UNCHANGEABLE_MASK). */
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

/** What a request changes of a flow that is there. Window scales it does not: that takes a flag which C does not send. */
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

/** What packets change, in the order of a record. */
const CHANGED_BY_TRAFFIC: readonly number[] = [
  Attr.TCP_STATE,
  Attr.TCP_WSCALE_ORIG,
  Attr.TCP_WSCALE_REPL,
  Attr.SCTP_STATE,
  Attr.SCTP_VTAG_ORIG,
  Attr.SCTP_VTAG_REPL,
  Attr.DCCP_STATE,
  Attr.DCCP_ROLE,
  Attr.MARK,
  Attr.MASTER_IPV4,
  Attr.MASTER_IPV6,
  Attr.MASTER_L4PROTO,
  Attr.MASTER_PORT,
  Attr.NAT_SEQ_ADJ,
  Attr.HELPER_NAME,
  Attr.LABELS,
  Attr.SYNPROXY,
];

/** The tuple of the answers, where nothing is translated. Undefined for an ICMP type that nothing answers. */
export function inverseTuple(tuple: Tuple): Tuple | undefined {
  const { source, destination, protocol, ports, icmp } = tuple;
  const inverse: Tuple = { ...tuple, source: destination, destination: source };
  if (isIcmp(protocol)) {
    const type = icmpReplyType(protocol, icmp?.type ?? 0);
    return type === NO_ICMP_REPLY ? undefined : { ...inverse, icmp: { ...icmp, type } };
  }
  if (!ports) return inverse;
  return { ...inverse, ports: { source: ports.destination, destination: ports.source } };
}

export class MemoryKernel implements Kernel {
  readonly counters: KernelCounters = { unknownEvents: 0, malformed: 0, helperNamesDropped: 0 };
  private readonly limit: number;
  private readonly withScales: boolean;
  private readonly helpers: ReadonlySet<string>;
  private readonly announceBy: (ready: () => void) => void;
  private eventLimit: number;
  private readonly table = new FlowTable();
  private readonly expiry = new Expiry();
  private readonly expectations: Expectations;
  private readonly events = new EventQueue();
  /** What flows have carried, by slot, once something was counted. */
  private readonly traffic = new Map<number, FlowTraffic>();
  /** What `lookup` has shown of flows that have not changed since, by slot. */
  private readonly shown = new Map<number, Flow>();
  private lost = false;
  private newFlowsHeard = true;
  private now = 0;
  private ready: (() => void) | undefined;
  private paused = false;
  private announced = false;
  // What the call at hand is about.
  private readonly record: FlowRecord;
  private readonly attributes = new Attributes();
  private readonly original = new Int32Array(KEY_WORDS);
  private readonly reply = new Int32Array(KEY_WORDS);
  private readonly lookupKey = new Int32Array(KEY_WORDS);
  private readonly mask = new Int32Array(KEY_WORDS);
  private readonly scratch = new Uint8Array(LOCAL_RECORD_MAX);
  private readonly scratchWords = alignedWordsOf(this.scratch);

  /** @throws RangeError if `limit` is too great */
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

  /** Flows in the table. */
  get size(): number {
    return this.table.size;
  }

  /** Reads of one event that would bring something: the events that wait, and the news that some were lost. */
  get waiting(): number {
    return this.events.size + (this.lost ? 1 : 0);
  }

  // ---- The traffic side, for workloads ----

  /**
   * A new flow, as its first packet makes one. `bytes[start, end)` is its canonical record (`encodeFlow` makes one): status
   * bits, protocol state, mark, master, helper and the rest are taken from it, its translation from SNAT, DNAT and ports;
   * its TIMEOUT is not. Returns the flow's handle, or as a negative number the errno for which the packet would be dropped.
   * @param timeout seconds
   */
  begin(bytes: Uint8Array, start: number, end: number, timeout: number): number {
    this.attributes.load(bytes, start, end);
    originalKey(this.attributes, this.original);
    const slot = this.insert(timeout, Origin.OTHER, this.withScales);
    return slot < 0 ? slot : this.table.handleOf(slot);
  }

  /**
   * Handle of the flow to which a packet belongs whose tuple is the original tuple of the canonical record
   * `bytes[start, end)`, in that record's zone; it may be of either direction of the flow. 0 if there is none.
   */
  find(bytes: Uint8Array, start: number, end: number): number {
    this.attributes.load(bytes, start, end);
    originalKey(this.attributes, this.lookupKey);
    return this.soughtHandle();
  }

  /** As `find`, for a tuple that a person wrote. */
  handleOf(tuple: Tuple, zone = 0): number {
    keyOfTuple(tuple, zone, this.lookupKey);
    return this.soughtHandle();
  }

  /** True if the flow has not ended. */
  lives(handle: number): boolean {
    return this.table.slotOf(handle) >= 0;
  }

  /**
   * A packet changes the state of a TCP flow: it is in `state` (index into `TCP_STATES`), has `status` bits more, and lives
   * for another `timeout` seconds. False if the flow has ended.
   * @throws RangeError if it is no TCP flow
   */
  setTcpState(handle: number, state: number, status: number, timeout: number): boolean {
    const { table } = this;
    const slot = table.slotOf(handle);
    if (slot < 0) return false;
    if (protocolOf(table.keys, table.keyAt(slot)) !== Protocol.TCP) throw new RangeError('no TCP flow');
    const words = table.wordsOf(slot);
    const at = statusAt(words, table.wordOf(slot));
    // Behind STATUS: L4PROTO and PORT, two words each, then the state with a header before it.
    words[at + 6] = networkWord(state << 24);
    words[at]! |= networkWord(status);
    this.expiry.set(slot, this.now + timeout * 1000);
    this.tell(Change.UPDATE, Origin.OTHER, slot);
    return true;
  }

  /** A packet gives a flow of any protocol `status` bits more and another `timeout` seconds. False if it has ended. */
  setStatus(handle: number, status: number, timeout: number): boolean {
    const slot = this.table.slotOf(handle);
    if (slot < 0) return false;
    this.addStatus(slot, status);
    this.expiry.set(slot, this.now + timeout * 1000);
    this.tell(Change.UPDATE, Origin.OTHER, slot);
    return true;
  }

  /** A rule marks a flow. False if it has ended. */
  setMark(handle: number, mark: number): boolean {
    const { table } = this;
    const slot = table.slotOf(handle);
    if (slot < 0) return false;
    const words = table.wordsOf(slot);
    words[valueAt(words, table.wordOf(slot), table.countOf(slot), Attr.MARK)] = networkWord(mark);
    this.tell(Change.UPDATE, Origin.OTHER, slot);
    return true;
  }

  /** A packet that changes no state: the flow lives for another `timeout` seconds, and nobody is told. False if it has ended. */
  extend(handle: number, timeout: number): boolean {
    const slot = this.table.slotOf(handle);
    if (slot < 0) return false;
    this.expiry.set(slot, this.now + timeout * 1000);
    return true;
  }

  /** Ends a flow as its timeout does. False if it has ended already. */
  end(handle: number): boolean {
    const slot = this.table.slotOf(handle);
    if (slot < 0) return false;
    this.delete(slot, Origin.OTHER);
    return true;
  }

  // ---- The traffic side, for people ----

  /**
   * A new flow, as its first packet makes one: with these states, and translated as `sourceNat` and `destinationNat` say.
   * Returns 0, or the errno for which the packet would be dropped.
   */
  originate(flow: Flow, timeout: number): number {
    const record = withLocalPorts(encodeFlow(flow), flow.original);
    return Math.max(0, -Math.min(0, this.begin(record, 0, record.length, timeout)));
  }

  /** The flow that a packet with this tuple belongs to, in either direction. */
  lookup(tuple: Tuple, zone = 0): Flow | undefined {
    const slot = this.table.slotOf(this.handleOf(tuple, zone));
    if (slot < 0) return undefined;
    const known = this.shown.get(slot);
    if (known !== undefined) return known;
    const flow = this.flowOf(slot);
    this.shown.set(slot, flow);
    return flow;
  }

  /** A packet of a known flow: it lives for another `timeout` seconds. False if there is no such flow. */
  refresh(tuple: Tuple, timeout: number, zone = 0): boolean {
    return this.extend(this.handleOf(tuple, zone), timeout);
  }

  /** A packet changes a known flow: status bits are added, the other fields replaced. False if there is no such flow. */
  setState(tuple: Tuple, change: Partial<Omit<Flow, 'original' | 'reply'>>, zone = 0): boolean {
    const slot = this.table.slotOf(this.handleOf(tuple, zone));
    if (slot < 0) return false;
    const { timeout, status = 0, ...fields } = change;
    const record = encodeFlow({ ...fields, original: tuple });
    this.attributes.load(record, 0, record.length);
    this.merge(slot, CHANGED_BY_TRAFFIC);
    this.addStatus(slot, status);
    if (timeout !== undefined) this.expiry.set(slot, this.now + timeout * 1000);
    this.tell(Change.UPDATE, Origin.OTHER, slot);
    return true;
  }

  /** What a flow has carried, as the kernel counts it (`nf_conntrack_acct`). False if there is no such flow. */
  count(tuple: Tuple, original: Count, reply: Count, zone = 0): boolean {
    const slot = this.table.slotOf(this.handleOf(tuple, zone));
    if (slot < 0) return false;
    this.traffic.set(slot, { original, reply });
    return true;
  }

  /** Ends a flow as its timeout does. False if there is no such flow. */
  expire(tuple: Tuple, zone = 0): boolean {
    return this.end(this.handleOf(tuple, zone));
  }

  /** A helper expects a flow. Returns 0 or an errno. */
  expect(expectation: Expectation, timeout: number): number {
    return this.insertExpectation(expectation, timeout, Origin.OTHER);
  }

  /** Lets the time be `now`, in milliseconds, and ends what has timed out, in order of time. */
  advance(now: number): void {
    if (now < this.now) throw new RangeError(`time does not go back: ${now} after ${this.now}`);
    this.now = now;
    if (this.expiry.earliest <= now) {
      for (let slot = this.expiry.take(now); slot >= 0; slot = this.expiry.take(now)) {
        this.delete(slot, Origin.OTHER);
      }
    }
    if (this.expectations.earliest <= now) this.expectations.advance(now);
  }

  // ---- The table ----

  /** Handle of the flow with the tuple in `sought`, in either direction; 0 without one. */
  private soughtHandle(): number {
    const tuple = this.table.find(this.lookupKey);
    return tuple < 0 ? 0 : this.table.handleOf(tuple >> 1);
  }

  /**
   * Adds the flow whose record is in `attributes` and whose key is in `original`. Returns its slot, or a negative errno.
   * @param scales whether its window scales are believed
   */
  private insert(timeout: number | undefined, origin: Origin, scales: boolean): number {
    const { attributes, original, reply, table } = this;
    if (!inverseKey(original, reply)) return -Errno.EINVAL;
    const originalHash = hashKey(original);
    if (table.find(original, originalHash) >= 0) return -Errno.EEXIST;
    if (table.size >= this.limit) return -Errno.ENOMEM;
    if (timeout === undefined) return -Errno.EINVAL;
    const status = attributes.i32(Attr.STATUS);
    let bits = (status & ~UNCHANGEABLE) | Status.CONFIRMED;
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
    this.tell(Change.NEW, origin, slot);
    return slot;
  }

  private helperName(): string {
    const { bytes } = this.attributes;
    const at = this.attributes.at(Attr.HELPER_NAME);
    return String.fromCharCode(...bytes.subarray(at, at + this.attributes.sizeOf(Attr.HELPER_NAME) - 1));
  }

  /** Where in the table's keys the original key of the master begins that the record names, by either direction; or -1. */
  private masterAt(): number {
    masterKey(this.attributes, this.original[Word.ZONE]!, this.lookupKey);
    const tuple = this.table.find(this.lookupKey);
    return tuple < 0 ? -1 : this.table.keyAt(tuple >> 1);
  }

  /** Changes the flow whose key is in `original` as the record in `attributes` says. Returns 0 or an errno. */
  private change(timeout: number | undefined, origin: Origin): number {
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
    this.merge(slot, CHANGED_BY_REQUESTS);
    this.addStatus(slot, added);
    this.tell(Change.UPDATE, origin, slot);
    return 0;
  }

  /** Takes into a flow's record what the record in `attributes` has of these types. */
  private merge(slot: number, types: readonly number[]): void {
    const { record, table } = this;
    record.merge(table.wordsOf(slot), table.wordOf(slot), table.countOf(slot), this.attributes, types);
    table.replace(slot, record);
  }

  private delete(slot: number, origin: Origin): void {
    this.tell(Change.DESTROY, origin, slot);
    this.expiry.end(slot);
    this.table.remove(slot);
    if (this.traffic.size > 0) this.traffic.delete(slot);
    if (this.expectations.earliest !== Infinity) this.expectations.masterEnded(slot, this.now);
  }

  private insertExpectation(expectation: Expectation, timeout: number | undefined, origin: Origin): number {
    const { table, lookupKey: sought, mask } = this;
    keyOfTuple(expectation.expected, 0, sought);
    if (this.expectations.has(sought)) return Errno.EEXIST;
    const slot = table.slotOf(this.handleOf(expectation.master));
    if (slot < 0) return Errno.ENOENT;
    const { original, helper } = this.flowOf(slot);
    if (helper === undefined) return Errno.EOPNOTSUPP;
    keyOfTuple(expectation.expected, 0, sought);
    sourceMask(expectation.mask, mask);
    const master = { slot, original, helper };
    return this.expectations.add(expectation, sought, mask, master, timeout, origin, this.now);
  }

  // ---- Records and events ----

  private statusOf(slot: number): number {
    const words = this.table.wordsOf(slot);
    return networkWord(words[statusAt(words, this.table.wordOf(slot))]!);
  }

  private addStatus(slot: number, bits: number): void {
    const words = this.table.wordsOf(slot);
    words[statusAt(words, this.table.wordOf(slot))]! |= networkWord(bits);
  }

  /** The flow as it is, with its reply tuple in the place of its translation. */
  private flowOf(slot: number): Flow {
    const record = this.recordOf(slot);
    const { timeout: _, sourceNat: _s, destinationNat: _d, ...flow } = decodeFlow(record, 0, record.length);
    return { ...flow, reply: tupleOfKey(this.table.keys, this.table.keyAt(slot) + KEY_WORDS) };
  }

  /** A copy of a flow's record as it is now. */
  private recordOf(slot: number): Uint8Array {
    const { table } = this;
    this.putTimeout(slot);
    const words = table.wordsOf(slot);
    return new Uint8Array(words.buffer, 4 * table.wordOf(slot), 4 * table.countOf(slot)).slice();
  }

  /** Writes into a flow's record how many seconds it has left. */
  private putTimeout(slot: number): void {
    const { table } = this;
    const at = table.timeoutWordOf(slot);
    if (at === 0) return;
    const left = this.expiry.timeOf(slot) - this.now;
    // Time that is over is Infinity to `expiry`.
    const seconds = left > 0 && left !== Infinity ? Math.trunc(left / 1000) : 0;
    table.wordsOf(slot)[table.wordOf(slot) + at] = networkWord(seconds);
  }

  private tell(change: Change, origin: Origin, slot: number): void {
    if (this.shown.size > 0) this.shown.delete(slot);
    const { table } = this;
    this.putTimeout(slot);
    const words = table.wordsOf(slot);
    const at = table.wordOf(slot);
    const count = table.countOf(slot);
    if (change === Change.DESTROY) this.tellEnd(origin, slot, words, at, count);
    else if (change !== Change.NEW || this.newFlowsHeard)
      this.queue(RecordType.FLOW, change, origin, words, at, count);
  }

  private tellEnd(origin: Origin, slot: number, words: Int32Array, at: number, count: number): void {
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

  /** False if there is no room for the event, which is lost then. */
  private queue(
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

  private announce(): void {
    if (this.announced || this.paused || this.ready === undefined || this.waiting === 0) return;
    this.announced = true;
    this.announceBy(this.callReady);
  }

  private readonly callReady = (): void => {
    this.announced = false;
    if (!this.paused && this.waiting > 0) this.ready?.();
  };

  get eventBufferSize(): number {
    return this.eventLimit * EVENT_BYTES;
  }

  growEventBuffer(bytes: number): number {
    this.eventLimit = Math.max(1, Math.trunc(bytes / EVENT_BYTES));
    return this.eventBufferSize;
  }

  /** As the interface says; `ready` is called again when a read has left events, and when more come. */
  watchEvents(ready: () => void): EventWatch {
    if (this.ready) throw new KernelError('events are being watched already');
    this.ready = ready;
    this.paused = false;
    this.announce();
    return {
      pause: () => {
        this.paused = true;
      },
      resume: () => {
        this.paused = false;
        this.announce();
      },
      close: () => {
        if (this.ready === ready) this.ready = undefined;
      },
    };
  }

  readEvents(sink: KernelSink, limit: number): Read {
    if (this.lost) {
      this.lost = false;
      this.announce();
      return Read.OVERRUN;
    }
    const count = Math.min(limit, this.events.size);
    for (let n = 0; n < count; n++) this.events.take(sink);
    if (this.ready !== undefined) this.announce();
    return count === limit ? Read.MORE : Read.DRAINED;
  }

  subscribeNewFlows(heard: boolean): void {
    this.newFlowsHeard = heard;
  }

  dumpFlows(): Dump {
    return this.dumpFlowsWithout(0);
  }

  dumpUnansweredFlows(): Dump {
    return this.dumpFlowsWithout(Status.SEEN_REPLY);
  }

  private dumpFlowsWithout(status: number): Dump {
    const records: Uint8Array[] = [];
    const { table } = this;
    for (let slot = table.oldest; slot >= 0; slot = table.after(slot)) {
      if ((this.statusOf(slot) & status) === 0) records.push(this.recordOf(slot));
    }
    return new MemoryDump('flow', records);
  }

  dumpExpectations(): Dump {
    return new MemoryDump('expectation', this.expectations.records(this.now));
  }

  // ---- Requests ----

  batch(origin: Origin): Batch {
    return new MemoryBatch(origin);
  }

  run(batch: Batch): Int32Array {
    if (!(batch instanceof MemoryBatch)) throw new TypeError('a batch of another kernel');
    const answers = new Int32Array(batch.size);
    for (let n = 0; n < batch.size; n++) {
      const kind = batch.kindOf(n);
      const ask = kind >= RequestType.CREATE_EXPECTATION ? this.askExpectation : this.askFlow;
      answers[n] = ask.call(this, kind, batch, batch.startOf(n), batch.endOf(n), batch.timeoutOf(n));
    }
    return answers;
  }

  private askFlow(kind: RequestType, batch: MemoryBatch, start: number, end: number, asked: number): number {
    const { attributes, original, table } = this;
    attributes.load(batch.bytes, start, end);
    originalKey(attributes, original);
    // Tuples are read before anything is looked for.
    if (!isAnswerable(original)) return Errno.EINVAL;
    const own = attributes.has(Attr.TIMEOUT) ? attributes.i32(Attr.TIMEOUT) >>> 0 : undefined;
    const timeout = asked || own;
    if (kind === RequestType.CREATE)
      return Math.max(0, -Math.min(0, this.insert(timeout, batch.origin, false)));
    if (kind === RequestType.UPDATE) return this.change(timeout, batch.origin);
    const tuple = table.find(original);
    if (tuple < 0) return Errno.ENOENT;
    if (kind === RequestType.REMOVE) this.delete(tuple >> 1, batch.origin);
    return 0;
  }

  private askExpectation(
    kind: RequestType,
    { bytes, origin }: MemoryBatch,
    start: number,
    end: number,
  ): number {
    const expectation = decodeExpectation(bytes, start, end);
    if (kind === RequestType.CREATE_EXPECTATION) {
      if (expectation.mask === undefined) return Errno.EINVAL;
      return this.insertExpectation(expectation, undefined, origin);
    }
    keyOfTuple(expectation.expected, 0, this.lookupKey);
    if (!this.expectations.has(this.lookupKey)) return Errno.ENOENT;
    if (kind === RequestType.REMOVE_EXPECTATION)
      this.expectations.removeByKey(this.lookupKey, origin, this.now);
    return 0;
  }

  flushExpectations(): void {
    this.expectations.flush(Origin.COMMIT, this.now);
  }

  close(): void {
    this.ready = undefined;
    this.table.clear();
    this.expiry.clear();
    this.expectations.clear();
    this.traffic.clear();
    this.shown.clear();
    this.events.clear();
  }
}

/** Adds LOCAL_PORT to the record of a flow whose ports do not travel. */
function withLocalPorts(record: Uint8Array, tuple: Tuple): Uint8Array {
  const { protocol, ports } = tuple;
  const local = tupleHasPorts(protocol) && !sendsPorts(protocol);
  if (!local || ports === undefined) return record;
  const whole = new Uint8Array(record.length + TLV_HEADER + 4);
  whole.set(record);
  writeU16(whole, record.length, TLV_HEADER + 4);
  writeU16(whole, record.length + 2, Attr.LOCAL_PORT);
  writeU16(whole, record.length + 4, ports.source);
  writeU16(whole, record.length + 6, ports.destination);
  return whole;
}
