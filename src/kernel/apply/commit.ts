import { readU32 } from '../../bytes/integers.ts';
import { expectationTextWithTimeout, flowTextWithTimeout } from '../../flow/text.ts';
import { Errno } from '../../system/errno.ts';
import type { ExternalCache } from '../../table/external-cache.ts';
import { SlotState } from '../../table/record-table.ts';
import { Attr, TLV_HEADER } from '../../wire/attribute.ts';
import { decodeExpectation, decodeFlow } from '../../wire/decode.ts';
import { findAttribute } from '../../wire/record.ts';
import type { Batch, Kernel } from '../kernel.ts';
import { assertAnswered } from './assert-answered.ts';
import { FALLBACK_TIMEOUT_S } from './fallback-timeout.ts';
import { EXPECTATION_KIND, FLOW_KIND, type RecordKind } from './record-kind.ts';

interface Commitable extends RecordKind {
  /**
   * The pass that commits the record, from 0. A flow with a master comes in the second pass, after its
   * master.
   */
  pass(bytes: Uint8Array, start: number, end: number): number;
  text(bytes: Uint8Array, start: number, end: number): string;
}

const FLOWS: Commitable = {
  ...FLOW_KIND,
  pass: (bytes, start, end) => (findAttribute(bytes, start, end, Attr.MASTER_L4PROTO) < 0 ? 0 : 1),
  text: (bytes, start, end) => flowTextWithTimeout(decodeFlow(bytes, start, end)),
};

const EXPECTATIONS: Commitable = {
  ...EXPECTATION_KIND,
  pass: () => 0,
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
 * Commits an external cache to the kernel, one batch of requests at a time: first the flows without a
 * master, then those with one. If the kernel already has an entry, the commit deletes it and creates it
 * again.
 */
export class Commit {
  committed = 0;
  failed = 0;
  /** The first failures, for the log. */
  readonly failures: CommitFailure[] = [];
  /** Cache slots of the entries that the last step created without replacing one. */
  readonly created: number[] = [];
  private readonly kernel: Kernel;
  private readonly cache: ExternalCache;
  private readonly kind: Commitable;
  private readonly options: CommitOptions;
  private readonly batch: Batch;
  private readonly slots: number[] = [];
  private pass = 0;
  /** The highest pass of any record so far. */
  private lastPass = 0;
  private slot = 0;

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
    this.fill(seconds);
    if (this.slots.length > 0) this.run(seconds);
    return this.pass > this.lastPass;
  }

  private fill(seconds: number): void {
    const { batch, slots } = this;
    const { table } = this.cache;
    batch.clear();
    slots.length = 0;
    while (this.pass <= this.lastPass) {
      for (; this.slot < table.slots; this.slot++) {
        if (batch.full) return;
        if (table.stateOf(this.slot) === SlotState.FREE) continue;
        const bytes = table.bytesOf(this.slot);
        const start = table.offsetOf(this.slot);
        const pass = this.kind.pass(bytes, start, start + table.sizeOf(this.slot));
        if (pass > this.lastPass) this.lastPass = pass;
        if (pass !== this.pass) continue;
        this.addCreate(this.slot, seconds);
        slots.push(this.slot);
      }
      this.pass++;
      this.slot = 0;
      // The kernel must have a master before the flows that it expected.
      if (batch.size > 0) return;
    }
  }

  private run(seconds: number): void {
    const answers = this.kernel.run(this.batch);
    assertAnswered(this.batch, answers);
    const again: number[] = [];
    this.slots.forEach((slot, n) => {
      const errno = answers[n]!;
      if (errno === 0) this.created.push(slot);
      else if (errno === Errno.EEXIST) again.push(slot);
      else this.fail(slot, errno, 'create');
    });
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
    if (this.options.timeout !== undefined) return this.options.timeout;
    const { table } = this.cache;
    const bytes = table.bytesOf(slot);
    const start = table.offsetOf(slot);
    const at = findAttribute(bytes, start, start + table.sizeOf(slot), this.kind.timeout);
    if (at < 0) return FALLBACK_TIMEOUT_S;
    const received = readU32(bytes, at + TLV_HEADER);
    const left = received - (seconds - table.updatedAt(slot));
    if (left < 0) return FALLBACK_TIMEOUT_S;
    // The timeout has just run out; the C node then uses the received timeout unchanged.
    return left === 0 ? received : left;
  }
}
