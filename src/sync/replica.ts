import type { Change, Origin } from '../flow/change.ts';
import { Item } from '../flow/item.ts';
import type { Digest } from '../table/digest.ts';
import { secondsOf } from '../table/seconds.ts';
import { RECORD_MAX } from '../wire/attribute.ts';
import { Framing, frameAt } from '../wire/datagram.ts';
import {
  DATA_TYPE_MAX,
  HEADER_SIZE,
  lengthOf,
  MessageType,
  rangeFromOf,
  rangeToOf,
  typeOf,
  VERSION,
  versionOf,
} from '../wire/header.ts';
import { canonicalise, EXPECTATION_FORMAT, FLOW_FORMAT, Form } from '../wire/record.ts';
import { RecordChecker } from '../wire/record-checker.ts';
import { Dialect, PLAIN_DIALECT } from './dialect/dialect.ts';
import { type InternalCaches, MessageResult, type SyncEngine } from './engine.ts';
import { CachedRecords } from './internal/cached-records.ts';
import type { InternalSide } from './internal/internal-records.ts';
import { explainFraming, explainMalformedMessage } from './malformed-message.ts';

/** Messages that were refused, in the words of `conntrackd -s network`. Each of them also counts as malformed. */
export interface ReceiveCounters {
  malformed: number;
  badVersion: number;
  badHeader: number;
  badPayload: number;
  badType: number;
  truncated: number;
  badSize: number;
}

/**
 * Where received records go: into the external cache, or directly into the kernel. `seconds` is the caches' clock
 * ({@link secondsOf}).
 */
export interface RecordSink {
  replace(bytes: Uint8Array, start: number, end: number, seconds: number): void;
  update(bytes: Uint8Array, start: number, end: number, seconds: number): void;
  delete(bytes: Uint8Array, start: number, end: number): void;
  /** What it has; undefined where that is not to be compared with what a peer has. */
  readonly digest?: Digest | undefined;
}

export interface ExternalSinks {
  readonly flows: RecordSink;
  readonly expectations: RecordSink;
}

/** How often the flows that a peer said it has were those of the external cache, and how often not. */
export interface Comparisons {
  equal: number;
  different: number;
  /** The last one, in milliseconds of the engine's clock, and the flows on either side; undefined before the first. */
  last:
    | { readonly at: number; readonly here: number; readonly there: number; readonly isEqual: boolean }
    | undefined;
}

/**
 * The state of one node. Changes of its kernel go into the internal caches and to the engine; messages of peers go
 * through the engine to the external side. It does no I/O, as the engine.
 */
export class Replica {
  readonly internal: InternalCaches;
  /** What keeps {@link internal} in line with our kernel's table. */
  readonly cached: InternalSide<CachedRecords>;
  readonly engine: SyncEngine;
  readonly dialect: Dialect;
  readonly counters: ReceiveCounters = {
    malformed: 0,
    badVersion: 0,
    badHeader: 0,
    badPayload: 0,
    badType: 0,
    truncated: 0,
    badSize: 0,
  };
  readonly comparisons: Comparisons = { equal: 0, different: 0, last: undefined };
  private readonly external: ExternalSinks;
  /** Holds a received record that had to be made canonical. */
  private readonly canonicalBuffer = new Uint8Array(RECORD_MAX);
  private readonly flowChecker: RecordChecker;
  private readonly expectationChecker: RecordChecker;
  private malformedReason: string | undefined;

  /**
   * @param fastPaths see {@link RecordChecker}
   * @param dialect what the peers' messages mean
   * @param ownsUnknown see {@link CachedRecords}
   */
  constructor(
    internal: InternalCaches,
    external: ExternalSinks,
    engine: SyncEngine,
    fastPaths = true,
    dialect = new Dialect(PLAIN_DIALECT),
    ownsUnknown = true,
  ) {
    this.dialect = dialect;
    this.flowChecker = new RecordChecker(FLOW_FORMAT, fastPaths);
    this.expectationChecker = new RecordChecker(EXPECTATION_FORMAT, fastPaths);
    this.internal = internal;
    this.cached = {
      flows: new CachedRecords(Item.FLOW, internal.flows, engine, ownsUnknown),
      expectations: new CachedRecords(Item.EXPECTATION, internal.expectations, engine, ownsUnknown),
    };
    this.external = external;
    this.engine = engine;
  }

  /**
   * Takes a datagram, `bytes[start, end)`, from this sender at `now` (milliseconds). Returns whether any of its
   * messages was valid, which makes the link that it came over the current one.
   */
  handleDatagram(sender: number, bytes: Uint8Array, start: number, end: number, now: number): boolean {
    let valid = false;
    for (let at = start; ; ) {
      const framing = frameAt(bytes, at, end);
      if (framing === Framing.END) return valid;
      if (framing !== Framing.MESSAGE) {
        this.counters.malformed++;
        this.malformedReason ??= explainFraming(framing, bytes, at, end);
        if (framing === Framing.TRUNCATED) this.counters.truncated++;
        else this.counters.badSize++;
        return valid;
      }
      if (this.handleMessage(sender, bytes, at, now)) valid = true;
      at += lengthOf(bytes, at);
    }
  }

  /** Takes the whole message at `bytes[at]`. Returns whether it was valid. */
  handleMessage(sender: number, bytes: Uint8Array, at: number, now: number): boolean {
    const { counters } = this;
    if (versionOf(bytes, at) !== VERSION) {
      this.countMalformed(bytes, at);
      counters.badVersion++;
      return false;
    }
    switch (this.engine.handleMessage(sender, bytes, at, now)) {
      case MessageResult.DATA:
        this.apply(bytes, at, now);
        return true;
      case MessageResult.HANDLED:
        return true;
      case MessageResult.DIGEST:
        this.compare(rangeFromOf(bytes, at), rangeToOf(bytes, at), now);
        return true;
      case MessageResult.STALE:
        return false;
      default:
        this.countMalformed(bytes, at);
        counters.badHeader++;
        return false;
    }
  }

  /** Compares the flows that we have of the peer with those that it has. */
  private compare(sum: number, count: number, now: number): void {
    const own = this.external.flows.digest;
    if (own === undefined) return;
    const isEqual = own.sum === sum && own.count === count;
    const { comparisons } = this;
    if (isEqual) comparisons.equal++;
    else comparisons.different++;
    comparisons.last = { at: now, here: own.count, there: count, isEqual };
    this.engine.noteCompared(isEqual);
  }

  /**
   * Takes a change of our own kernel's table. The record is `bytes[0, length)`. Returns whether the internal cache
   * has the flow or expectation, or had it until now.
   */
  handleKernelChange(
    item: Item,
    change: Change,
    origin: Origin,
    bytes: Uint8Array,
    length: number,
    now: number,
  ): boolean {
    const records = item === Item.FLOW ? this.cached.flows : this.cached.expectations;
    return records.handleKernelChange(change, origin, bytes, length, now);
  }

  /**
   * Why a message was malformed since the last call; undefined if none was. Only the first is explained, so that a
   * flood of malformed messages costs one explanation a call.
   */
  takeMalformedReason(): string | undefined {
    const reason = this.malformedReason;
    this.malformedReason = undefined;
    return reason;
  }

  private countMalformed(bytes: Uint8Array, at: number): void {
    this.counters.malformed++;
    this.malformedReason ??= explainMalformedMessage(bytes, at) ?? 'not a message of this mode';
  }

  private apply(bytes: Uint8Array, at: number, now: number): void {
    const type = typeOf(bytes, at);
    const { counters } = this;
    if (type > DATA_TYPE_MAX) {
      this.countMalformed(bytes, at);
      counters.badType++;
      return;
    }
    const isFlow = type <= MessageType.CT_DEL;
    const start = at + HEADER_SIZE;
    const end = at + lengthOf(bytes, at);
    const form = (isFlow ? this.flowChecker : this.expectationChecker).check(bytes, start, end);
    if (form === Form.MALFORMED) {
      this.countMalformed(bytes, at);
      counters.badPayload++;
      return;
    }
    if (form === Form.CANONICAL) {
      this.take(type, bytes, start, end, now);
    } else {
      const format = isFlow ? FLOW_FORMAT : EXPECTATION_FORMAT;
      const size = canonicalise(format, bytes, start, end, this.canonicalBuffer, 0);
      this.take(type, this.canonicalBuffer, 0, size, now);
    }
  }

  /** Takes the received canonical record `bytes[start, end)`. */
  private take(type: number, bytes: Uint8Array, start: number, end: number, now: number): void {
    if (type > MessageType.CT_DEL) {
      this.deliver(this.external.expectations, type, bytes, start, end, now);
      return;
    }
    const { dialect } = this;
    const size = dialect.receiveFlow(bytes, start, end);
    if (size < 0) this.deliver(this.external.flows, type, bytes, start, end, now);
    else this.deliver(this.external.flows, type, dialect.record, 0, size, now);
  }

  private deliver(
    sink: RecordSink,
    type: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    now: number,
  ): void {
    switch (type) {
      case MessageType.CT_NEW:
      case MessageType.EXP_NEW:
        sink.replace(bytes, start, end, secondsOf(now));
        break;
      case MessageType.CT_UPD:
      case MessageType.EXP_UPD:
        sink.update(bytes, start, end, secondsOf(now));
        break;
      default:
        sink.delete(bytes, start, end);
    }
  }
}
