import { readU16, readU32 } from '../../bytes/integers.ts';
import { Status } from '../../flow/status.ts';
import { expectationTextWithTimeout, flowTextWithTimeout } from '../../flow/text.ts';
import { Errno } from '../../system/errno.ts';
import type { ExternalCache } from '../../table/external-cache.ts';
import { SlotState } from '../../table/record-table.ts';
import { Attr, TLV_HEADER } from '../../wire/attribute.ts';
import { decodeExpectation, decodeFlow } from '../../wire/decode.ts';
import { findAttribute } from '../../wire/record.ts';
import type { Batch, Kernel } from '../kernel.ts';
import { assertAnswered } from './assert-answered.ts';
import { lastExpiringFirst } from './commit-order.ts';
import { FALLBACK_TIMEOUT_S } from './fallback-timeout.ts';
import { EXPECTATION_KIND, FLOW_KIND, type RecordKind } from './record-kind.ts';
import { SlotList } from './slot-list.ts';

interface Commitable extends RecordKind {
  /** Writes to `to` what decides how the record is committed. */
  examine(bytes: Uint8Array, start: number, end: number, to: Examined): void;
  text(bytes: Uint8Array, start: number, end: number): string;
}

/** What is committed one after the other. */
const Pass = {
  /** Connections that are open: only these can break when packets come before their flow is committed. */
  OPEN: 0,
  /** Flows without an answer so far, which a repeated packet creates again, and TCP connections that close. */
  BRIEF: 1,
  /** Flows with a master, after their masters. */
  EXPECTED: 2,
} as const;
type Pass = (typeof Pass)[keyof typeof Pass];
const PASSES = 3;

/** `TCP_CONNTRACK_ESTABLISHED` in the kernel's `nf_conntrack_tcp.h`; those above it close, those below it open. */
const TCP_ESTABLISHED = 3;

/** What decides how a record is committed. */
interface Examined {
  /** The earliest pass that may commit the record. */
  pass: Pass;
  /** Offset of the TIMEOUT attribute, or -1. */
  timeoutAt: number;
}

/** One walk over the attributes, which are in the order of a canonical record: TIMEOUT comes before the master. */
function examineFlow(bytes: Uint8Array, start: number, end: number, to: Examined): void {
  to.pass = Pass.OPEN;
  to.timeoutAt = -1;
  for (let at = start; at < end; at += (readU16(bytes, at) + 3) & ~3) {
    switch (readU16(bytes, at + 2)) {
      case Attr.TCP_STATE:
        if (bytes[at + TLV_HEADER] !== TCP_ESTABLISHED) to.pass = Pass.BRIEF;
        break;
      case Attr.STATUS:
        if ((readU32(bytes, at + TLV_HEADER) & Status.SEEN_REPLY) === 0) to.pass = Pass.BRIEF;
        break;
      case Attr.TIMEOUT:
        to.timeoutAt = at;
        break;
      case Attr.MASTER_L4PROTO:
        to.pass = Pass.EXPECTED;
        return;
    }
  }
}

function examineExpectation(bytes: Uint8Array, start: number, end: number, to: Examined): void {
  to.pass = Pass.OPEN;
  to.timeoutAt = findAttribute(bytes, start, end, EXPECTATION_KIND.timeout);
}

const FLOWS: Commitable = {
  ...FLOW_KIND,
  examine: examineFlow,
  text: (bytes, start, end) => flowTextWithTimeout(decodeFlow(bytes, start, end)),
};

const EXPECTATIONS: Commitable = {
  ...EXPECTATION_KIND,
  examine: examineExpectation,
  text: (bytes, start, end) => expectationTextWithTimeout(decodeExpectation(bytes, start, end)),
};

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

/**
 * Commits an external cache to the kernel, one batch of requests at a time. Connections that talk before their flow is
 * committed break, so those come first that are open and spoke last: see {@link Pass} and {@link lastExpiringFirst}. If the kernel
 * already has an entry, the commit deletes it and creates it again.
 *
 * Each record that is there from the first step until its turn is committed, in its state then. At the end follow, likewise
 * in order, those that came into the cache meanwhile.
 */
export class Commit {
  committed = 0;
  failed = 0;
  /** The first failures, for the log. */
  readonly failures: CommitFailure[] = [];
  /** Cache slots of the entries that the last step created without replacing one. */
  readonly created: number[] = [];
  /** The timeout of each entry of {@link created}, in seconds. */
  readonly createdTimeouts: number[] = [];
  private readonly kernel: Kernel;
  private readonly cache: ExternalCache;
  private readonly kind: Commitable;
  private readonly options: CommitOptions;
  private readonly batch: Batch;
  private readonly slots: number[] = [];
  private readonly timeouts: number[] = [];
  private readonly examined: Examined = { pass: Pass.OPEN, timeoutAt: -1 };
  /** Slots that were put in order. */
  private known = new Uint8Array(0);
  private order: Uint32Array | undefined;
  /** Where in `order` the next slot stands. */
  private at = 0;
  private pass: Pass = Pass.OPEN;
  /** The slots of later passes, by pass, in order. */
  private readonly later = Array.from({ length: PASSES }, () => new SlotList());
  private isLastRound = false;
  private isDone = false;

  private constructor(
    kernel: Kernel,
    batch: Batch,
    cache: ExternalCache,
    kind: Commitable,
    options: CommitOptions,
  ) {
    this.kernel = kernel;
    this.batch = batch;
    this.cache = cache;
    this.kind = kind;
    this.options = options;
  }

  static flows(kernel: Kernel, batch: Batch, cache: ExternalCache, options: CommitOptions): Commit {
    return new Commit(kernel, batch, cache, FLOWS, options);
  }

  static expectations(kernel: Kernel, batch: Batch, cache: ExternalCache, options: CommitOptions): Commit {
    return new Commit(kernel, batch, cache, EXPECTATIONS, options);
  }

  /**
   * Commits the next records; returns whether the commit is complete.
   * @param seconds the cache's clock
   * @throws KernelError if the kernel does not answer
   */
  step(seconds: number): boolean {
    this.created.length = 0;
    this.createdTimeouts.length = 0;
    this.fill(seconds);
    if (this.slots.length > 0) this.run(seconds);
    return this.isDone;
  }

  private fill(seconds: number): void {
    const { batch } = this;
    batch.clear();
    this.slots.length = 0;
    this.timeouts.length = 0;
    while (!this.isDone) {
      this.order ??= this.nextRound();
      for (; this.at < this.order.length; this.at++) {
        if (batch.full) return;
        this.commitOrDefer(this.order[this.at]!, seconds);
      }
      this.nextPass();
      // The kernel must have a master before the flows that it expected.
      if (batch.size > 0) return;
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
    if (this.isLastRound) this.isDone = true;
    this.isLastRound = true;
  }

  private commitOrDefer(slot: number, seconds: number): void {
    const { kind, examined } = this;
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
    const timeout = this.timeoutAt(bytes, examined.timeoutAt, slot, seconds);
    kind.create(this.batch, bytes, start, end, timeout, this.options.liberal);
    this.slots.push(slot);
    this.timeouts.push(timeout);
  }

  private run(seconds: number): void {
    const answers = this.kernel.run(this.batch);
    assertAnswered(this.batch, answers);
    const again: number[] = [];
    for (let n = 0; n < this.slots.length; n++) {
      const slot = this.slots[n]!;
      const errno = answers[n]!;
      if (errno === 0) {
        this.created.push(slot);
        this.createdTimeouts.push(this.timeouts[n]!);
      } else if (errno === Errno.EEXIST) again.push(slot);
      else this.fail(slot, errno, 'create');
    }
    this.committed += this.created.length;
    if (again.length > 0) this.runAgain(again, seconds);
  }

  /** Replaces existing entries. Each takes two requests, so the slots may need more than one batch. */
  private runAgain(slots: readonly number[], seconds: number): void {
    const { batch } = this;
    for (let from = 0; from < slots.length; ) {
      batch.clear();
      let to = from;
      for (; to < slots.length; to++) {
        if (batch.full) break;
        this.addRemove(slots[to]!);
        if (batch.full) {
          // Running the delete alone is harmless: the next batch starts with it again.
          break;
        }
        this.addCreate(slots[to]!, seconds);
      }
      const answers = this.kernel.run(batch);
      assertAnswered(batch, answers);
      for (let n = 0; from + n < to; n++) {
        const removed = answers[2 * n]!;
        const created = answers[2 * n + 1]!;
        if (created === 0) this.committed++;
        else if (removed !== 0 && removed !== Errno.ENOENT) this.fail(slots[from + n]!, removed, 'destroy');
        else this.fail(slots[from + n]!, created, 'create');
      }
      from = to;
    }
  }

  private fail(slot: number, errno: number, step: 'create' | 'destroy'): void {
    this.failed++;
    if (this.failures.length >= FAILURES_MAX) return;
    const { table } = this.cache;
    const start = table.offsetOf(slot);
    const subject = this.kind.text(table.bytesOf(slot), start, start + table.sizeOf(slot));
    this.failures.push({ subject, errno, step });
  }

  private addCreate(slot: number, seconds: number): void {
    const { table } = this.cache;
    const bytes = table.bytesOf(slot);
    const start = table.offsetOf(slot);
    const end = start + table.sizeOf(slot);
    this.kind.create(this.batch, bytes, start, end, this.timeoutOf(slot, seconds), this.options.liberal);
  }

  private addRemove(slot: number): void {
    const { table } = this.cache;
    const start = table.offsetOf(slot);
    this.kind.remove(this.batch, table.bytesOf(slot), start, start + table.sizeOf(slot));
  }

  /** The timeout, in seconds, for the record in this slot if it is committed now. */
  timeoutOf(slot: number, seconds: number): number {
    const { table } = this.cache;
    const bytes = table.bytesOf(slot);
    const start = table.offsetOf(slot);
    const at = findAttribute(bytes, start, start + table.sizeOf(slot), this.kind.timeout);
    return this.timeoutAt(bytes, at, slot, seconds);
  }

  /** @param at offset of the record's TIMEOUT attribute in `bytes`, or -1 */
  private timeoutAt(bytes: Uint8Array, at: number, slot: number, seconds: number): number {
    if (this.options.timeout !== undefined) return this.options.timeout;
    if (at < 0) return FALLBACK_TIMEOUT_S;
    const received = readU32(bytes, at + TLV_HEADER);
    const left = received - (seconds - this.cache.table.updatedAt(slot));
    if (left < 0) return FALLBACK_TIMEOUT_S;
    // The timeout has just run out; the C node then uses the received timeout unchanged.
    return left === 0 ? received : left;
  }
}
