/**
 * A connection tracking table in memory that answers as the kernel's does: for the simulator, the demo, and for machines
 * without root or without Linux.
 *
 * Time is what `advance` says it is. What packets would do to the table is done by the traffic side: `originate`,
 * `setState`, `refresh`, `expire`. Simplicity comes before speed here: flows are kept as people read them.
 */

import type { Count } from '../flow/accounting.ts';
import { Change, Origin } from '../flow/change.ts';
import type { Expectation } from '../flow/expectation.ts';
import type { Flow } from '../flow/flow.ts';
import { isIcmp, sendsPorts } from '../flow/protocol.ts';
import { NAT_MASK, Status } from '../flow/status.ts';
import type { Tuple } from '../flow/tuple.ts';
import { Attr, TLV_HEADER } from '../wire/attribute.ts';
import { writeU16 } from '../wire/bytes.ts';
import { decodeExpectation, decodeFlow } from '../wire/decode.ts';
import { encodeExpectation, encodeFlow } from '../wire/encode.ts';
import { Errno } from './errno.ts';
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
} from './kernel.ts';
import { icmpReplyType, tupleHasPorts } from './request.ts';

export interface MemoryKernelOptions extends TranscodeOptions {
  /** Most flows in the table (`nf_conntrack_max`); 262,144 unless given. */
  readonly limit?: number;
  /** Most events that wait to be read; those beyond are lost. 65,536 unless given. */
  readonly eventLimit?: number;
  /** Events of expectations too. */
  readonly expectations?: boolean;
  /** Names of the helpers there are. */
  readonly helpers?: readonly string[];
  /** Does something as soon as what is under way is done: how an owner is told of events. A microtask unless given. */
  readonly announce?: (act: () => void) => void;
}

const HELPERS = ['ftp', 'tftp', 'irc', 'sip', 'pptp', 'amanda', 'netbios-ns', 'snmp', 'sane', 'RAS', 'Q.931'];
const BATCH_REQUESTS = 128;
const DUMP_STEP = 64;
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

/** A flow in the table. Its reply tuple is always known. */
interface Entry {
  flow: Flow & { readonly reply: Tuple; readonly status: number };
  readonly originalKey: string;
  readonly replyKey: string;
  /** Time in milliseconds. */
  expires: number;
  /** What it carried, once something was counted. */
  traffic?: Traffic;
}

interface Traffic {
  readonly original: Count;
  readonly reply: Count;
}

interface ExpectedEntry {
  readonly expectation: Expectation;
  readonly key: string;
  readonly master: Entry;
  expires: number;
}

interface Event {
  readonly what: 'flow' | 'expectation';
  readonly change: Change;
  readonly origin: Origin;
  readonly record: Uint8Array;
  /** Of a flow that ended. */
  readonly traffic?: Traffic | undefined;
}

type Request =
  | { kind: 'create' | 'update'; record: Uint8Array; timeout: number }
  | { kind: 'remove' | 'probe'; record: Uint8Array }
  | { kind: 'create expectation'; record: Uint8Array; timeout: number }
  | { kind: 'remove expectation' | 'probe expectation'; record: Uint8Array };

/** What tells a tuple from every other one in the table. */
function tupleKey(tuple: Tuple, zone: number): string {
  const { family, protocol, source, destination, ports, icmp } = tuple;
  let rest = '';
  if (isIcmp(protocol)) rest = `${icmp?.type ?? 0} ${icmp?.code ?? 0} ${icmp?.id ?? 0}`;
  else if (tupleHasPorts(protocol)) rest = `${ports?.source ?? 0} ${ports?.destination ?? 0}`;
  return `${zone} ${family} ${protocol} ${source} ${destination} ${rest}`;
}

/** The tuple of the answers, where nothing is translated. Undefined for an ICMP type that nothing answers. */
export function inverseTuple(tuple: Tuple): Tuple | undefined {
  const { source, destination, protocol, ports, icmp } = tuple;
  const inverse: Tuple = { ...tuple, source: destination, destination: source };
  if (isIcmp(protocol)) {
    const type = icmpReplyType(protocol, icmp?.type ?? 0);
    return type === 255 ? undefined : { ...inverse, icmp: { ...icmp, type } };
  }
  if (!ports) return inverse;
  return { ...inverse, ports: { source: ports.destination, destination: ports.source } };
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}

class MemoryBatch implements Batch {
  readonly requests: Request[] = [];
  readonly origin: Origin;

  constructor(origin: Origin) {
    this.origin = origin;
  }

  get size(): number {
    return this.requests.length;
  }

  get full(): boolean {
    return this.requests.length === BATCH_REQUESTS;
  }

  private push(request: Request): void {
    if (this.full) throw new RangeError(`the batch is full (${this.size} requests)`);
    this.requests.push(request);
  }

  create(bytes: Uint8Array, start: number, end: number, timeout: number, _liberal: boolean): void {
    this.push({ kind: 'create', record: bytes.slice(start, end), timeout });
  }

  update(bytes: Uint8Array, start: number, end: number, timeout: number, _liberal: boolean): void {
    this.push({ kind: 'update', record: bytes.slice(start, end), timeout });
  }

  remove(bytes: Uint8Array, start: number, end: number): void {
    this.push({ kind: 'remove', record: bytes.slice(start, end) });
  }

  probe(bytes: Uint8Array, start: number, end: number): void {
    this.push({ kind: 'probe', record: bytes.slice(start, end) });
  }

  createExpectation(bytes: Uint8Array, start: number, end: number, timeout: number): void {
    this.push({ kind: 'create expectation', record: bytes.slice(start, end), timeout });
  }

  removeExpectation(bytes: Uint8Array, start: number, end: number): void {
    this.push({ kind: 'remove expectation', record: bytes.slice(start, end) });
  }

  probeExpectation(bytes: Uint8Array, start: number, end: number): void {
    this.push({ kind: 'probe expectation', record: bytes.slice(start, end) });
  }

  clear(): void {
    this.requests.length = 0;
  }
}

/** Gives the records of a moment, some at a time. */
class MemoryDump implements Dump {
  readonly interrupted = false;
  private readonly what: 'flow' | 'expectation';
  private records: readonly Uint8Array[];
  private at = 0;

  constructor(what: 'flow' | 'expectation', records: readonly Uint8Array[]) {
    this.what = what;
    this.records = records;
  }

  step(sink: KernelSink): boolean {
    for (let n = 0; n < DUMP_STEP && this.at < this.records.length; n++) {
      const record = this.records[this.at++]!;
      sink[this.what](Change.UPDATE, Origin.OTHER, record, record.length);
    }
    return this.at >= this.records.length;
  }

  close(): void {
    this.records = [];
  }
}

export class MemoryKernel implements Kernel {
  readonly counters: KernelCounters = { unknownEvents: 0, malformed: 0, helperNamesDropped: 0 };
  private readonly options: TranscodeOptions;
  private readonly limit: number;
  private readonly withExpectations: boolean;
  private readonly helpers: ReadonlySet<string>;
  private eventLimit: number;
  /** Flows by original key, in the order they came. */
  private readonly flows = new Map<string, Entry>();
  /** Flows by either key: a tuple belongs to one flow, whichever direction it is of. */
  private readonly tuples = new Map<string, Entry>();
  private readonly expected = new Map<string, ExpectedEntry>();
  private readonly events: Event[] = [];
  private lost = false;
  private now = 0;
  private ready: (() => void) | undefined;
  private paused = false;
  private announced = false;
  private readonly soon: (act: () => void) => void;

  constructor(options: MemoryKernelOptions) {
    this.options = options;
    this.soon = options.announce ?? queueMicrotask;
    this.limit = options.limit ?? 262_144;
    this.eventLimit = options.eventLimit ?? 65_536;
    this.withExpectations = options.expectations ?? false;
    this.helpers = new Set(options.helpers ?? HELPERS);
  }

  /** Flows in the table. */
  get size(): number {
    return this.flows.size;
  }

  // ---- The traffic side ----

  /**
   * A new flow, as its first packet makes one: with these states, and translated as `sourceNat` and `destinationNat` say.
   * Returns 0, or the errno for which the packet would be dropped.
   */
  originate(flow: Flow, timeout: number): number {
    return this.insert(flow, timeout, Origin.OTHER, (flow.status ?? 0) & ~NAT_MASK);
  }

  /** The flow that a packet with this tuple belongs to, in either direction. */
  lookup(tuple: Tuple, zone = 0): Flow | undefined {
    return this.find(tuple, zone)?.flow;
  }

  /** A packet of a known flow: it lives for another `timeout` seconds. False if there is no such flow. */
  refresh(tuple: Tuple, timeout: number, zone = 0): boolean {
    const entry = this.find(tuple, zone);
    if (entry === undefined) return false;
    entry.expires = this.now + timeout * 1000;
    return true;
  }

  /** A packet changes a known flow: status bits are added, the other fields replaced. False if there is no such flow. */
  setState(tuple: Tuple, change: Partial<Omit<Flow, 'original' | 'reply'>>, zone = 0): boolean {
    const entry = this.find(tuple, zone);
    if (entry === undefined) return false;
    const { timeout, status = 0, ...fields } = change;
    entry.flow = { ...entry.flow, ...fields, status: (entry.flow.status | status) >>> 0 };
    if (timeout !== undefined) entry.expires = this.now + timeout * 1000;
    this.tell(Change.UPDATE, Origin.OTHER, entry);
    return true;
  }

  /** What a flow has carried, as the kernel counts it (`nf_conntrack_acct`). False if there is no such flow. */
  count(tuple: Tuple, original: Count, reply: Count, zone = 0): boolean {
    const entry = this.find(tuple, zone);
    if (entry === undefined) return false;
    entry.traffic = { original, reply };
    return true;
  }

  /** Ends a flow as its timeout does. False if there is no such flow. */
  expire(tuple: Tuple, zone = 0): boolean {
    const entry = this.find(tuple, zone);
    if (entry === undefined) return false;
    this.delete(entry, Origin.OTHER);
    return true;
  }

  /** A helper expects a flow. Returns 0 or an errno. */
  expect(expectation: Expectation, timeout: number): number {
    return this.insertExpectation(expectation, timeout, Origin.OTHER);
  }

  /** Lets the time be `now`, in milliseconds, and ends what has timed out. */
  advance(now: number): void {
    if (now < this.now) throw new RangeError(`time does not go back: ${now} after ${this.now}`);
    this.now = now;
    for (const entry of [...this.flows.values()]) {
      if (entry.expires <= now && this.flows.has(entry.originalKey)) this.delete(entry, Origin.OTHER);
    }
    for (const entry of [...this.expected.values()]) {
      if (entry.expires <= now) this.deleteExpectation(entry, Origin.OTHER);
    }
  }

  // ---- The table ----

  private find(tuple: Tuple, zone: number): Entry | undefined {
    return this.tuples.get(tupleKey(tuple, zone));
  }

  private insert(flow: Flow, timeout: number | undefined, origin: Origin, status: number): number {
    const { original, zone = 0 } = flow;
    const inverse = inverseTuple(original);
    if (inverse === undefined) return Errno.EINVAL;
    const originalKey = tupleKey(original, zone);
    if (this.tuples.has(originalKey)) return Errno.EEXIST;
    if (this.flows.size >= this.limit) return Errno.ENOMEM;
    if (timeout === undefined) return Errno.EINVAL;
    if (flow.helper !== undefined && !this.helpers.has(flow.helper)) return Errno.EOPNOTSUPP;
    if ((status & Status.DYING) !== 0) return Errno.EBUSY;
    const master = flow.master && this.find(flow.master, zone);
    if (flow.master && master === undefined) return Errno.ENOENT;

    let bits = (status & ~UNCHANGEABLE) | Status.CONFIRMED;
    if (master) bits |= Status.EXPECTED;
    if (flow.helper !== undefined) bits |= Status.HELPER;
    let reply = inverse;
    if (flow.sourceNat || flow.destinationNat) {
      const translated = this.translate(flow, inverse, zone);
      if (translated === undefined) return Errno.EEXIST;
      reply = translated;
      // Asking for either direction sets up both (ctnetlink_setup_nat).
      bits |= Status.SRC_NAT_DONE | Status.DST_NAT_DONE;
      if (
        reply.destination !== inverse.destination ||
        reply.ports?.destination !== inverse.ports?.destination
      ) {
        bits |= Status.SRC_NAT;
      }
      if (reply.source !== inverse.source || reply.ports?.source !== inverse.ports?.source) {
        bits |= Status.DST_NAT;
      }
    }
    const replyKey = tupleKey(reply, zone);
    if (this.tuples.has(replyKey)) return Errno.EEXIST;
    const { timeout: _, sourceNat: _s, destinationNat: _d, ...kept } = flow;
    const entry: Entry = {
      flow: { ...kept, mark: flow.mark ?? 0, reply, status: bits >>> 0 },
      originalKey,
      replyKey,
      expires: this.now + timeout * 1000,
    };
    this.flows.set(originalKey, entry);
    this.tuples.set(originalKey, entry);
    this.tuples.set(replyKey, entry);
    this.tell(Change.NEW, origin, entry);
    return 0;
  }

  /**
   * The reply tuple with its translations. A port that is asked for is taken as it is; where only an address is, the
   * kernel picks another port if the flow's own is taken. Undefined if none is free.
   */
  private translate(flow: Flow, inverse: Tuple, zone: number): Tuple | undefined {
    const { sourceNat, destinationNat } = flow;
    const reply: Tuple = {
      ...inverse,
      destination: sourceNat?.address ?? inverse.destination,
      source: destinationNat?.address ?? inverse.source,
    };
    if (!inverse.ports) return reply;
    const ports = {
      destination: sourceNat?.port ?? inverse.ports.destination,
      source: destinationNat?.port ?? inverse.ports.source,
    };
    const wanted = { ...reply, ports };
    if (!this.tuples.has(tupleKey(wanted, zone)) || sourceNat?.address === undefined) return wanted;
    if (sourceNat.port !== undefined) return wanted;
    for (let port = 1024; port < 65_536; port++) {
      const other = { ...reply, ports: { ...ports, destination: port } };
      if (!this.tuples.has(tupleKey(other, zone))) return other;
    }
    return undefined;
  }

  private change(flow: Flow, timeout: number | undefined, origin: Origin): number {
    const entry = this.find(flow.original, flow.zone ?? 0);
    if (entry === undefined) return Errno.ENOENT;
    if (timeout !== undefined) entry.expires = this.now + timeout * 1000;
    const { status: before } = entry.flow;
    let status = before;
    if (flow.status !== undefined) {
      const asked = (flow.status & ~(Status.SRC_NAT | Status.DST_NAT)) | Status.CONFIRMED;
      const differ = asked ^ before;
      if ((differ & (Status.EXPECTED | Status.CONFIRMED | Status.DYING)) !== 0) return Errno.EBUSY;
      if ((before & ~asked & (Status.SEEN_REPLY | Status.ASSURED)) !== 0) return Errno.EBUSY;
      status |= asked & ~UNCHANGEABLE;
    }
    const { mark, tcp, sctp, dccp, labels, synproxy, sequenceAdjustment } = flow;
    const fields = withoutUndefined({ mark, tcp, sctp, dccp, labels, synproxy, sequenceAdjustment });
    entry.flow = { ...entry.flow, ...(fields as Partial<Flow>), status: status >>> 0 };
    this.tell(Change.UPDATE, origin, entry);
    return 0;
  }

  private delete(entry: Entry, origin: Origin): void {
    for (const expected of [...this.expected.values()]) {
      if (expected.master === entry) this.deleteExpectation(expected, origin);
    }
    this.flows.delete(entry.originalKey);
    this.tuples.delete(entry.originalKey);
    this.tuples.delete(entry.replyKey);
    this.tell(Change.DESTROY, origin, entry);
  }

  private insertExpectation(expectation: Expectation, timeout: number | undefined, origin: Origin): number {
    const key = tupleKey(expectation.expected, 0);
    if (this.expected.has(key)) return Errno.EEXIST;
    const master = this.find(expectation.master, 0);
    if (master === undefined) return Errno.ENOENT;
    if (master.flow.helper === undefined) return Errno.EOPNOTSUPP;
    if (timeout === undefined) return Errno.EINVAL;
    const { timeout: _, ...kept } = expectation;
    const entry = { expectation: kept, key, master, expires: this.now + timeout * 1000 };
    this.expected.set(key, entry);
    this.tellExpectation(Change.NEW, origin, entry);
    return 0;
  }

  private deleteExpectation(entry: ExpectedEntry, origin: Origin): void {
    this.expected.delete(entry.key);
    this.tellExpectation(Change.DESTROY, origin, entry);
  }

  // ---- Records and events ----

  private secondsLeft(expires: number): number {
    return Math.max(0, Math.trunc((expires - this.now) / 1000));
  }

  /** The record of a flow as ctnetlink's messages give it; that of an end has less in it. */
  private recordOf(entry: Entry, change: Change): Uint8Array {
    const { flow } = entry;
    const { reply, helper, labels, master, synproxy, sequenceAdjustment, tcp, ...plain } = flow;
    const ending = change === Change.DESTROY;
    const scales = this.options.windowScale && !ending;
    const record = encodeFlow(
      withoutUndefined({
        ...plain,
        ...translations(flow),
        ...(ending ? {} : { helper, labels, master, synproxy, sequenceAdjustment }),
        tcp:
          tcp &&
          (scales ? { scaleOriginal: 0, scaleReply: 0, ...tcp } : withoutUndefined({ state: tcp.state })),
        status: ending ? (flow.status | Status.DYING) >>> 0 : flow.status,
        timeout: this.options.timeout ? this.secondsLeft(entry.expires) : undefined,
      }) as Flow,
    );
    return withLocalPorts(record, flow.original);
  }

  private expectationRecord(entry: ExpectedEntry): Uint8Array {
    if (!this.options.timeout) return encodeExpectation(entry.expectation);
    return encodeExpectation({ ...entry.expectation, timeout: this.secondsLeft(entry.expires) });
  }

  private tell(change: Change, origin: Origin, entry: Entry): void {
    const traffic = change === Change.DESTROY ? entry.traffic : undefined;
    this.queue('flow', change, origin, () => this.recordOf(entry, change), traffic);
  }

  private tellExpectation(change: Change, origin: Origin, entry: ExpectedEntry): void {
    if (this.withExpectations) this.queue('expectation', change, origin, () => this.expectationRecord(entry));
  }

  private queue(
    what: Event['what'],
    change: Change,
    origin: Origin,
    record: () => Uint8Array,
    traffic?: Traffic,
  ): void {
    if (this.events.length >= this.eventLimit) this.lost = true;
    else this.events.push({ what, change, origin, record: record(), traffic });
    this.announce();
  }

  private announce(): void {
    if (this.announced || this.paused || this.ready === undefined) return;
    if (this.events.length === 0 && !this.lost) return;
    this.announced = true;
    this.soon(() => {
      this.announced = false;
      if (!this.paused && (this.events.length > 0 || this.lost)) this.ready?.();
    });
  }

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
    const events = this.events.splice(0, limit);
    for (const { what, change, origin, record, traffic } of events) {
      sink[what](change, origin, record, record.length);
      if (traffic === undefined) continue;
      const { original, reply } = traffic;
      sink.traffic(original.packets, original.bytes, reply.packets, reply.bytes);
    }
    this.announce();
    return events.length === limit ? Read.MORE : Read.DRAINED;
  }

  dumpFlows(): Dump {
    return new MemoryDump(
      'flow',
      [...this.flows.values()].map((entry) => this.recordOf(entry, Change.UPDATE)),
    );
  }

  dumpExpectations(): Dump {
    return new MemoryDump(
      'expectation',
      [...this.expected.values()].map((entry) => this.expectationRecord(entry)),
    );
  }

  batch(origin: Origin): Batch {
    return new MemoryBatch(origin);
  }

  run(batch: Batch): Int32Array {
    if (!(batch instanceof MemoryBatch)) throw new TypeError('a batch of another kernel');
    return Int32Array.from(batch.requests, (request) => this.request(request, batch.origin));
  }

  private request(request: Request, origin: Origin): number {
    const { kind, record } = request;
    switch (kind) {
      case 'create': {
        const flow = decodeFlow(record, 0, record.length);
        const status = (flow.status ?? 0) & ~Status.EXPECTED;
        return this.insert(flow, request.timeout || flow.timeout, origin, status);
      }
      case 'update': {
        const flow = decodeFlow(record, 0, record.length);
        return this.change(flow, request.timeout || flow.timeout, origin);
      }
      case 'remove':
      case 'probe': {
        const flow = decodeFlow(record, 0, record.length);
        const entry = this.find(flow.original, flow.zone ?? 0);
        if (entry === undefined) return Errno.ENOENT;
        if (kind === 'remove') this.delete(entry, origin);
        return 0;
      }
      case 'create expectation': {
        const expectation = decodeExpectation(record, 0, record.length);
        return this.insertExpectation(expectation, request.timeout || expectation.timeout, origin);
      }
      case 'remove expectation':
      case 'probe expectation': {
        const { expected } = decodeExpectation(record, 0, record.length);
        const entry = this.expected.get(tupleKey(expected, 0));
        if (entry === undefined) return Errno.ENOENT;
        if (kind === 'remove expectation') this.deleteExpectation(entry, origin);
        return 0;
      }
    }
  }

  flushExpectations(): void {
    for (const entry of [...this.expected.values()]) this.deleteExpectation(entry, Origin.COMMIT);
  }

  close(): void {
    this.ready = undefined;
    this.flows.clear();
    this.tuples.clear();
    this.expected.clear();
    this.events.length = 0;
  }
}

/** SNAT, DNAT and ports as the C node sends them: see `Transcoder`, also for why ICMP has a port 0 there. */
function translations(flow: Entry['flow']): Pick<Flow, 'sourceNat' | 'destinationNat'> {
  const { original, reply, status } = flow;
  const icmp = isIcmp(original.protocol) ? 0 : undefined;
  const sourceNat = withoutUndefined({
    address: reply.destination === original.source ? undefined : reply.destination,
    port: reply.ports?.destination === original.ports?.source ? icmp : reply.ports?.destination,
  });
  const destinationNat = withoutUndefined({
    address: reply.source === original.destination ? undefined : reply.source,
    port: reply.ports?.source === original.ports?.destination ? icmp : reply.ports?.source,
  });
  const source = (status & Status.SRC_NAT_DONE) !== 0 && Object.keys(sourceNat).length > 0;
  const destination = (status & Status.DST_NAT_DONE) !== 0 && Object.keys(destinationNat).length > 0;
  return {
    ...(source ? { sourceNat: sourceNat as NonNullable<Flow['sourceNat']> } : {}),
    ...(destination ? { destinationNat: destinationNat as NonNullable<Flow['destinationNat']> } : {}),
  };
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
