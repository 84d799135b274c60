import { readU32, writeU32 } from '../../bytes/integers.ts';
import { wordsOf } from '../../bytes/words.ts';
import { Errno } from '../../system/errno.ts';
import type { ExternalCache } from '../../table/external-cache.ts';
import { RecordLog } from '../../table/record-log.ts';
import { SlotState } from '../../table/record-table.ts';
import { RECORD_MAX, TLV_HEADER } from '../../wire/attribute.ts';
import { findAttribute } from '../../wire/record.ts';
import type { BatchQueue } from '../kernel.ts';
import { type CommitKind, EXPECTATIONS, type Examined, FLOWS, PASSES, Pass } from './commit-kind.ts';
import { lastExpiringFirst } from './commit-order.ts';
import { FALLBACK_TIMEOUT_S } from './fallback-timeout.ts';
import { SlotList } from './slot-list.ts';

export interface CommitOptions {
  /** CommitTimeout in seconds; undefined for the remaining part of the timeout that the peer sent. */
  readonly timeout: number | undefined;
  /** Accept TCP packets outside the window in both directions: without TCPWindowTracking. */
  readonly liberal: boolean;
}

/** A record that the kernel rejected. */
export interface CommitFailure {
  readonly subject: string;
  readonly errno: number;
  /** The step that failed: creating the entry, or removing the existing one. */
  readonly step: 'create' | 'destroy';
}

/** Failures kept with a description; further ones are only counted. */
const FAILURES_MAX = 100;

/** A batch under way: what it asks for. */
const Asked = {
  /** An entry for each record. */
  CREATE: 0,
  /** To remove an entry and to create it, for each record. */
  REPLACE: 1,
} as const;
type Asked = (typeof Asked)[keyof typeof Asked];

/**
 * Commits an external cache to the kernel, one batch of requests after the other; the kernel works on some while the next is made.
 * Connections that talk before their flow is committed break, so those come first that are open and spoke last: see {@link Pass} and
 * {@link lastExpiringFirst}. If the kernel already has an entry, the commit deletes it and creates it again.
 *
 * Each record that is there from the first step until its turn is committed, in its state then. At the end follow, likewise
 * in order, those that came into the cache meanwhile.
 */
export class Commit {
  committed = 0;
  failed = 0;
  /** The first failures, for the log. */
  readonly failures: CommitFailure[] = [];
  /**
   * The records that the kernel was asked to create, each with the timeout that it was given. Those that are answered were read; those
   * that it created without replacing one can be taken.
   */
  readonly created = new RecordLog();
  private readonly queue: BatchQueue;
  private readonly cache: ExternalCache;
  private readonly kind: CommitKind;
  private readonly options: CommitOptions;
  /** What the batches under way ask for, oldest first, and what the one that is being filled does. */
  private readonly asked: Asked[] = [];
  private asking: Asked = Asked.CREATE;
  /** Records whose entry the kernel has already. Those that are being replaced were read. */
  private readonly existing = new RecordLog();
  private readonly examined: Examined = { pass: Pass.OPEN, timeoutAt: -1 };
  private readonly record = new Uint8Array(RECORD_MAX);
  private readonly recordWords = wordsOf(this.record);
  /** Slots that were put in order. */
  private known = new Uint8Array(0);
  private order: Uint32Array | undefined;
  /** Where in `order` the next slot stands. */
  private at = 0;
  private pass: Pass = Pass.OPEN;
  /** The slots of later passes, by pass, in order. */
  private readonly later = Array.from({ length: PASSES }, () => new SlotList());
  private isLastRound = false;
  private isAllAsked = false;

  private constructor(queue: BatchQueue, cache: ExternalCache, kind: CommitKind, options: CommitOptions) {
    this.queue = queue;
    this.cache = cache;
    this.kind = kind;
    this.options = options;
  }

  static flows(queue: BatchQueue, cache: ExternalCache, options: CommitOptions): Commit {
    return new Commit(queue, cache, FLOWS, options);
  }

  static expectations(queue: BatchQueue, cache: ExternalCache, options: CommitOptions): Commit {
    return new Commit(queue, cache, EXPECTATIONS, options);
  }

  /**
   * Sends the next batch, and deals with what the kernel has answered; returns whether the commit is complete. Waits for the kernel only
   * where there is nothing else to do.
   * @param seconds the cache's clock
   * @throws KernelError if the kernel does not answer
   */
  step(seconds: number): boolean {
    const { queue } = this;
    if (queue.isFull) this.settle();
    this.fill(seconds);
    if (queue.batch.size > 0) this.send();
    else if (queue.underway > 0) this.settle();
    while (queue.isAnswered) this.settle();
    return this.isAllAsked && !this.isUnsettled;
  }

  /** Whether the kernel owes an answer, or has an entry that is to be replaced. */
  private get isUnsettled(): boolean {
    return this.queue.underway > 0 || this.existing.unread > 0;
  }

  private send(): void {
    this.queue.send();
    this.asked.push(this.asking);
  }

  /** Puts requests into the batch. */
  private fill(seconds: number): void {
    if (this.existing.unread > 0) {
      this.fillWithExisting();
      return;
    }
    this.asking = Asked.CREATE;
    const { batch } = this.queue;
    while (!this.isAllAsked) {
      this.order ??= this.nextRound();
      for (; this.at < this.order.length; this.at++) {
        if (batch.full) return;
        this.commitOrDefer(this.order[this.at]!, seconds);
      }
      // The kernel must have a master before the flows that it expected.
      if (batch.size > 0 || (this.pass + 1 === Pass.EXPECTED && this.isUnsettled)) return;
      this.nextPass();
    }
  }

  /** Puts into order what is in the cache now and was not before. */
  private nextRound(): Uint32Array {
    const { table } = this.cache;
    const known = new Uint8Array(table.slots);
    known.set(this.known.subarray(0, known.length));
    this.known = known;
    return lastExpiringFirst(table, known, this.kind.timeout);
  }

  private nextPass(): void {
    this.at = 0;
    if (this.pass < PASSES - 1) {
      this.pass = (this.pass + 1) as Pass;
      this.order = this.later[this.pass]!.take();
      return;
    }
    this.pass = Pass.OPEN;
    this.order = undefined;
    if (this.isLastRound) this.isAllAsked = true;
    this.isLastRound = true;
  }

  private commitOrDefer(slot: number, seconds: number): void {
    const { kind, examined, created } = this;
    const { table } = this.cache;
    if (slot >= table.slots || table.stateOf(slot) === SlotState.FREE) return;
    const bytes = table.bytesOf(slot);
    const start = table.offsetOf(slot);
    const end = start + table.sizeOf(slot);
    kind.examine(bytes, start, end, examined);
    if (examined.pass > this.pass) {
      this.later[examined.pass]!.add(slot);
      return;
    }
    const { timeoutAt } = examined;
    const timeout = this.timeoutAt(bytes, timeoutAt, slot, seconds);
    kind.create(this.queue.batch, bytes, start, end, timeout, this.options.liberal);
    const copyAt = created.add(bytes, table.wordsOf(slot), start, end - start);
    if (timeoutAt >= 0) writeU32(created.newest, copyAt + (timeoutAt - start) + TLV_HEADER, timeout);
  }

  private fillWithExisting(): void {
    const { kind, existing } = this;
    const { batch } = this.queue;
    this.asking = Asked.REPLACE;
    while (existing.unread > 0 && batch.hasRoomFor(2)) {
      existing.read();
      const { bytes, start, end } = existing;
      const at = findAttribute(bytes, start, end, kind.timeout);
      const timeout = at < 0 ? this.timeoutWithout : readU32(bytes, at + TLV_HEADER);
      kind.remove(batch, bytes, start, end);
      kind.create(batch, bytes, start, end, timeout, this.options.liberal);
    }
  }

  /** Takes the answers to the oldest batch under way. */
  private settle(): void {
    const answers = this.queue.takeAnswers();
    if (this.asked.shift() === Asked.CREATE) this.settleCreated(answers);
    else this.settleReplaced(answers);
  }

  private settleCreated(answers: Int32Array): void {
    const { created } = this;
    for (const errno of answers) {
      created.read();
      if (errno === 0) {
        this.committed++;
        continue;
      }
      const { bytes, words, start, end } = created;
      if (errno === Errno.EEXIST) this.existing.add(bytes, words, start, end - start);
      else this.fail(bytes, start, end, errno, 'create');
      created.leaveOut();
    }
  }

  /** Each has the answer to the request that removes it and the one to the request that creates it. */
  private settleReplaced(answers: Int32Array): void {
    for (let n = 0; n < answers.length; n += 2) {
      const size = this.existing.take(this.record, this.recordWords);
      const removed = answers[n]!;
      const created = answers[n + 1]!;
      if (created === 0) this.committed++;
      else if (removed !== 0 && removed !== Errno.ENOENT) this.fail(this.record, 0, size, removed, 'destroy');
      else this.fail(this.record, 0, size, created, 'create');
    }
  }

  private fail(
    bytes: Uint8Array,
    start: number,
    end: number,
    errno: number,
    step: CommitFailure['step'],
  ): void {
    this.failed++;
    if (this.failures.length >= FAILURES_MAX) return;
    this.failures.push({ subject: this.kind.text(bytes, start, end), errno, step });
  }

  /** The timeout, in seconds, for the record in this slot if it is committed now. */
  timeoutOf(slot: number, seconds: number): number {
    const { table } = this.cache;
    const bytes = table.bytesOf(slot);
    const start = table.offsetOf(slot);
    const at = findAttribute(bytes, start, start + table.sizeOf(slot), this.kind.timeout);
    return this.timeoutAt(bytes, at, slot, seconds);
  }

  /** The timeout, in seconds, for a record that has none. */
  private get timeoutWithout(): number {
    return this.options.timeout ?? FALLBACK_TIMEOUT_S;
  }

  /** @param at offset of the record's TIMEOUT attribute in `bytes`, or -1 */
  private timeoutAt(bytes: Uint8Array, at: number, slot: number, seconds: number): number {
    if (this.options.timeout !== undefined || at < 0) return this.timeoutWithout;
    const received = readU32(bytes, at + TLV_HEADER);
    const left = received - (seconds - this.cache.table.updatedAt(slot));
    if (left < 0) return FALLBACK_TIMEOUT_S;
    // The timeout has just run out; the C node then uses the received timeout unchanged.
    return left === 0 ? received : left;
  }
}
