import { copyBytes } from '../../bytes/copy.ts';
import { WordsCache } from '../../bytes/words.ts';
import { Origin } from '../../flow/change.ts';
import type { Item } from '../../flow/item.ts';
import type { RecordSink } from '../../sync/replica.ts';
import { Errno } from '../../system/errno.ts';
import { ExpectationKeyer, FlowKeyer } from '../../table/key.ts';
import { findAttribute } from '../../wire/record.ts';
import { type Batch, type Kernel, KernelError } from '../kernel.ts';
import { assertAnswered } from './assert-answered.ts';
import { type InjectionCounters, noCounters } from './injection-counters.ts';
import { FailureLog, type InjectionFailure, type InjectionFailures } from './injection-failure.ts';
import type { InjectionOptions } from './injection-options.ts';
import { BatchPlace, InjectionOrder } from './injection-order.ts';
import { EXPECTATION_KIND, FLOW_KIND, type RecordKind } from './record-kind.ts';

interface Injectable extends RecordKind {
  readonly item: InjectionFailure['item'];
}

const FLOW = 0;
const EXPECTATION = 1;
const INJECTABLES: readonly [Injectable, Injectable] = [
  { item: 'flow', ...FLOW_KIND },
  { item: 'expectation', ...EXPECTATION_KIND },
];

const CREATE = 0;
const UPDATE = 1;
const DESTROY = 2;
const ASKED = ['create', 'update', 'destroy'] as const;

const State = {
  /** To be sent, for the first time or again. */
  WAITING: 0,
  /** Done and counted. */
  SETTLED: 1,
  /** An update of an entry that does not exist: to be created. */
  TO_CREATE: 2,
  /** To be deleted and created. */
  TO_REPLACE: 3,
  /** Sent too early: an earlier request about the same flow was not settled by its first answer. */
  BEHIND: 4,
} as const;

const PENDING_MAX = 256;
/**
 * Maximum number of pending requests about one flow: each may be sent as often as there are others before it.
 */
const SAME_MAX = 8;
/** Initial size of the memory for pending records, in bytes. */
const RECORD_BYTES = 32_768;

export interface InjectionSink extends RecordSink {
  readonly counters: Readonly<InjectionCounters>;
}

/**
 * Injects the peer's messages into the kernel immediately: DisableExternalCache. The rules are the C node's
 * (`external_inject.c`):
 *
 * - NEW creates; if the entry exists, it is deleted and created again.
 * - UPD updates; if the entry does not exist, it is created; after any other error it is deleted and
 *   created.
 * - DEL deletes; a missing entry is ignored.
 * - Expectations have no update: UPD is treated as NEW.
 *
 * Requests are collected, and sent together when there are many or when the caller calls `flush`. The result
 * is the same as if they were sent one after the other:
 *
 * - A request that may depend on the outcome of another (see {@link InjectionOrder}) waits until that one is
 *   settled: for example a flow's master, or a flow with the same reply tuple.
 * - Flows and expectations are not sent together, because the end of a flow ends its expectations.
 * - Requests about the same flow are sent together, in order. Usually the first answers settle them all. A
 *   retry starts by deleting the flow, which undoes what later requests did too early; those are sent again
 *   after it.
 *
 * Where the kernel picks a translated port itself, or its table is full, the outcome also depends on the
 * order of requests about other flows; there the result may differ.
 */
export class Injection {
  readonly flows: InjectionSink;
  readonly expectations: InjectionSink;
  private readonly kernel: Kernel;
  private readonly batch: Batch;
  private readonly options: InjectionOptions;
  private readonly counters = [noCounters(), noCounters()] as const;
  private readonly keyers = [new FlowKeyer(), new ExpectationKeyer()] as const;
  private readonly order = new InjectionOrder(PENDING_MAX);
  private readonly failures = new FailureLog();

  // Pending requests in order of arrival. Their records are in `bytes`.
  private count = 0;
  private bytes = new Uint8Array(RECORD_BYTES);
  private used = 0;
  private readonly sourceWords: WordsCache;
  private readonly keptWords: WordsCache;
  /** Whether all pending requests are about flows or about expectations. */
  private item: Item = FLOW;
  private readonly asked = new Uint8Array(PENDING_MAX);
  private readonly starts = new Int32Array(PENDING_MAX);
  private readonly ends = new Int32Array(PENDING_MAX);
  private readonly states = new Uint8Array(PENDING_MAX);
  /** The previous request about the same flow, or -1. */
  private readonly before = new Int32Array(PENDING_MAX);
  /** Whether a later request is about the same flow. */
  private readonly followed = new Uint8Array(PENDING_MAX);
  /** For the first request about a flow: the last one, and their number. */
  private readonly last = new Int32Array(PENDING_MAX);
  private readonly same = new Uint8Array(PENDING_MAX);
  private readonly list = new Int32Array(PENDING_MAX);

  /** @throws KernelError if the kernel cannot be reached */
  constructor(kernel: Kernel, options: InjectionOptions) {
    this.kernel = kernel;
    this.options = options;
    this.sourceWords = new WordsCache(options.fastPaths);
    this.keptWords = new WordsCache(options.fastPaths);
    this.batch = kernel.batch(Origin.INJECT);
    this.flows = this.sink(FLOW, UPDATE);
    this.expectations = this.sink(EXPECTATION, CREATE);
  }

  private sink(item: Item, update: number): InjectionSink {
    return {
      counters: this.counters[item],
      replace: (bytes, start, end) => this.add(item, CREATE, bytes, start, end),
      update: (bytes, start, end) => this.add(item, update, bytes, start, end),
      delete: (bytes, start, end) => this.add(item, DESTROY, bytes, start, end),
    };
  }

  /** Number of requests that wait for `flush`. */
  get pending(): number {
    return this.count;
  }

  /** Failures since the last call. */
  takeFailures(): InjectionFailures {
    return this.failures.take();
  }

  private add(item: Item, asked: number, bytes: Uint8Array, start: number, end: number): void {
    if (item !== this.item) {
      this.flush();
      this.item = item;
    }
    let first = this.place(bytes, start, end);
    if (first === BatchPlace.CONFLICT || this.count === PENDING_MAX) {
      this.flush();
      first = BatchPlace.FREE;
    }
    const n = this.count++;
    if (first === BatchPlace.FREE) {
      first = n;
      this.before[n] = -1;
      this.same[n] = 0;
    } else {
      const before = this.last[first]!;
      this.before[n] = before;
      this.followed[before] = 1;
    }
    this.order.add(first);
    this.last[first] = n;
    this.same[first]!++;
    this.asked[n] = asked;
    this.states[n] = State.WAITING;
    this.followed[n] = 0;
    this.keep(n, bytes, start, end);
  }

  /** A {@link BatchPlace}, or the first pending request about the same flow. */
  private place(bytes: Uint8Array, start: number, end: number): number {
    const { order, item } = this;
    const first =
      item === FLOW ? order.placeFlow(bytes, start, end) : order.placeExpectation(bytes, start, end);
    if (first < 0) return first;
    if (this.same[first] === SAME_MAX) return BatchPlace.CONFLICT;
    const keyer = this.keyers[item];
    keyer.load(bytes, start, end);
    return keyer.matches(this.bytes, this.starts[first]!, this.ends[first]!) ? first : BatchPlace.CONFLICT;
  }

  private keep(n: number, bytes: Uint8Array, start: number, end: number): void {
    const size = end - start;
    if (this.used + size > this.bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.bytes.length, this.used + size));
      grown.set(this.bytes.subarray(0, this.used));
      this.bytes = grown;
    }
    const to = this.used;
    copyBytes(bytes, this.sourceWords.of(bytes), start, size, this.bytes, this.keptWords.of(this.bytes), to);
    this.starts[n] = to;
    this.used = to + size;
    this.ends[n] = this.used;
  }

  /**
   * Sends all pending requests. If the kernel does not answer, unsettled requests count as failed: their
   * outcome is unknown.
   */
  flush(): void {
    if (this.count === 0) return;
    for (let n = 0; n < this.count; n++) this.list[n] = n;
    try {
      for (let length = this.count; length > 0; ) length = this.send(length);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.abandon(error);
    } finally {
      this.count = 0;
      this.used = 0;
      this.order.clear();
    }
  }

  /**
   * Sends the first `length` requests of the list. Moves those that must be sent again to the front of the
   * list, and returns their number.
   */
  private send(length: number): number {
    const { list, batch, states } = this;
    for (let from = 0; from < length; ) {
      batch.clear();
      let to = from;
      for (; to < length && !batch.full; to++) this.addFirst(list[to]!);
      const answers = this.kernel.run(batch);
      assertAnswered(batch, answers);
      for (let at = from; at < to; at++) this.settle(list[at]!, answers[at - from]!);
      from = to;
    }
    this.retry(length);
    let behind = 0;
    for (let at = 0; at < length; at++) {
      const n = list[at]!;
      if (states[n] !== State.BEHIND) continue;
      states[n] = State.WAITING;
      list[behind++] = n;
    }
    return behind;
  }

  private addFirst(n: number): void {
    switch (this.asked[n]) {
      case CREATE:
        this.addCreate(n);
        break;
      case UPDATE:
        this.addUpdate(n);
        break;
      default:
        this.addRemove(n);
    }
  }

  private addUpdate(n: number): void {
    const { liberal, renewsTimeout } = this.options;
    const timeout = renewsTimeout ? this.timeoutFor(n) : 0;
    this.batch.update(this.bytes, this.starts[n]!, this.ends[n]!, timeout, liberal);
  }

  private addCreate(n: number): void {
    const kind = INJECTABLES[this.item];
    const { liberal } = this.options;
    kind.create(this.batch, this.bytes, this.starts[n]!, this.ends[n]!, this.timeoutFor(n), liberal);
  }

  /** 0 where the record has a timeout of its own. */
  private timeoutFor(n: number): number {
    const { timeout } = INJECTABLES[this.item];
    const at = findAttribute(this.bytes, this.starts[n]!, this.ends[n]!, timeout);
    return at < 0 ? this.options.fallbackTimeout : 0;
  }

  private addRemove(n: number): void {
    const kind = INJECTABLES[this.item];
    kind.remove(this.batch, this.bytes, this.starts[n]!, this.ends[n]!);
  }

  /** Settles a request by its first answer, or chooses the next step. */
  private settle(n: number, errno: number): void {
    const before = this.before[n]!;
    if (before >= 0 && this.states[before] !== State.SETTLED) {
      this.states[n] = State.BEHIND;
      return;
    }
    switch (this.asked[n]) {
      case CREATE:
        if (errno === Errno.EEXIST) this.states[n] = State.TO_REPLACE;
        else if (errno !== 0) this.fail(n, 'create', errno);
        else this.succeed(n);
        break;
      case UPDATE:
        if (errno === 0) this.succeed(n);
        else this.states[n] = errno === Errno.ENOENT ? State.TO_CREATE : State.TO_REPLACE;
        break;
      default:
        if (errno === 0) this.succeed(n);
        else if (errno === Errno.ENOENT) this.states[n] = State.SETTLED;
        else this.fail(n, 'destroy', errno);
    }
  }

  /** Whether to delete the flow before creating it: it exists, or a later request may have created it. */
  private removesFirst(n: number): boolean {
    return this.states[n] === State.TO_REPLACE || this.followed[n] === 1;
  }

  /**
   * Makes the second attempt for requests that need one. They are about different flows, so they can be sent
   * together.
   */
  private retry(length: number): void {
    const { list, batch, states } = this;
    for (let from = 0; from < length; ) {
      batch.clear();
      let to = from;
      for (; to < length && !batch.full; to++) {
        const n = list[to]!;
        if (states[n] !== State.TO_CREATE && states[n] !== State.TO_REPLACE) continue;
        if (this.removesFirst(n)) {
          this.addRemove(n);
          // Running the delete alone is harmless: the next batch starts with it again.
          if (batch.full) break;
        }
        this.addCreate(n);
      }
      if (batch.size > 0) {
        const answers = this.kernel.run(batch);
        assertAnswered(batch, answers);
        this.settleRetried(from, to, answers);
      }
      from = to;
    }
  }

  private settleRetried(from: number, to: number, answers: Int32Array): void {
    const { list, states } = this;
    let answer = 0;
    for (let at = from; at < to; at++) {
      const n = list[at]!;
      const state = states[n];
      if (state !== State.TO_CREATE && state !== State.TO_REPLACE) continue;
      const removed = this.removesFirst(n) ? answers[answer++]! : 0;
      const created = answers[answer++]!;
      if (created === 0) this.succeed(n);
      else if (state === State.TO_CREATE) this.fail(n, 'create', created);
      else if (removed !== 0 && removed !== Errno.ENOENT) this.fail(n, 'destroy', removed);
      else this.fail(n, this.asked[n] === CREATE ? 'create' : 'replace', created);
    }
  }

  private abandon(error: KernelError): void {
    const errno = error.errno || Errno.EAGAIN;
    for (let n = 0; n < this.count; n++) {
      if (this.states[n] === State.SETTLED) continue;
      this.fail(n, this.asked[n] === CREATE ? 'create' : 'destroy', errno);
    }
  }

  private succeed(n: number): void {
    this.states[n] = State.SETTLED;
    const counters = this.counters[this.item];
    switch (this.asked[n]) {
      case CREATE:
        counters.created++;
        break;
      case UPDATE:
        counters.updated++;
        break;
      default:
        counters.destroyed++;
    }
  }

  private fail(n: number, step: InjectionFailure['step'], errno: number): void {
    this.states[n] = State.SETTLED;
    const counters = this.counters[this.item];
    const asked = ASKED[this.asked[n] as 0 | 1 | 2];
    if (asked === 'create') counters.createFailed++;
    else if (asked === 'update') counters.updateFailed++;
    else counters.destroyFailed++;
    const { item } = INJECTABLES[this.item];
    this.failures.add({ item, asked, step, errno }, this.bytes, this.starts[n]!, this.ends[n]!);
  }
}
