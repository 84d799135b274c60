import { copyBytes } from '../../../bytes/copy.ts';
import { writeU32 } from '../../../bytes/integers.ts';
import { wordsOf } from '../../../bytes/words.ts';
import { Change, Origin } from '../../../flow/change.ts';
import { Item } from '../../../flow/item.ts';
import type { Commit } from '../../../kernel/apply/commit.ts';
import type { RecordLog } from '../../../table/record-log.ts';
import { type RecordTable, SlotState } from '../../../table/record-table.ts';
import { secondsOf } from '../../../table/seconds.ts';
import { Attr, RECORD_MAX, TLV_HEADER } from '../../../wire/attribute.ts';
import { findAttribute } from '../../../wire/record.ts';
import { logKernelFailure } from '../../common/kernel-failure.ts';
import type { ExternalCaches } from '../external-records.ts';
import type { SyncNode } from '../sync-node.ts';
import { CommitRun } from './commit-run.ts';

/** Flows from which on a quiet commit is worthwhile: searching the kernel's table afterwards costs the same for any number. */
export const QUIET_COMMIT_MIN = 16_384;

/** Flows put into the internal cache before everything else gets its turn: about a millisecond. */
const ADOPTED_PER_TURN = 1024;

/**
 * Commits the flows of the external cache without subscribing to events of new flows meanwhile. Making, reading and handling
 * an event for each committed flow takes more than half of the time of a commit, and connections wait for it. The commit's own copies
 * of what it created are put into the internal cache afterwards.
 *
 * Events of flows that change or end still arrive. What the node misses it looks for when it has subscribed again:
 * - flows that traffic began meanwhile. Those that were answered since have an event of that change; the kernel can be
 *   asked for the others alone, which no packet has answered.
 * - flows whose end was reported, but which exist again: the commit replaced them, or created them just after their end.
 */
export class QuietCommit {
  private readonly node: SyncNode;
  private readonly minFlows: number;
  private readonly record = new Uint8Array(RECORD_MAX);
  private readonly words = wordsOf(this.record);
  /** The last commit. */
  private commit: Commit | undefined;
  /** Whether the commit ran to its end, so that all that it created is known. */
  private isComplete = false;
  /** Number of the last reconciliation; an earlier one that is still under way stops. */
  private reconciliation = 0;

  /** @param minFlows flows that the external cache must have */
  constructor(node: SyncNode, minFlows: number) {
    this.node = node;
    this.minFlows = minFlows;
  }

  /** Returns whether a quiet commit is worthwhile, even if the kernel can only dump all of its flows. */
  isWorthwhile({ flows }: ExternalCaches): boolean {
    const { node } = this;
    const readsEvents = node.audited !== undefined && node.options.pollSeconds === undefined;
    const { size } = flows.table;
    return readsEvents && size >= this.minFlows && size >= node.replica.internal.flows.table.size;
  }

  /**
   * Unsubscribes from new flows and runs the commit. {@link finish} must follow, even if this throws.
   * @throws KernelError
   */
  async run(commit: Commit): Promise<CommitRun> {
    const { node } = this;
    this.isComplete = false;
    this.commit = commit;
    node.ended.beginDump();
    node.kernel.subscribeNewFlows(false);
    const run = new CommitRun(commit, node.runtime, () => node.isClosed);
    while (await run.runBatch());
    this.isComplete = true;
    return run;
  }

  /**
   * Subscribes to new flows again, and begins to reconcile the internal cache with what the commit created.
   * @throws KernelError
   */
  finish(commit: Commit, external: ExternalCaches): void {
    const { node } = this;
    try {
      if (!node.isClosed) node.kernel.subscribeNewFlows(true);
    } finally {
      void this.reconcile(external, commit);
    }
  }

  /** The internal cache is flushed: stops the reconciliation, and forgets what the commit has created until now. */
  forget(): void {
    this.reconciliation++;
    this.commit?.created.forgetRead();
  }

  /**
   * Puts the flows that the commit created into the internal cache, unless an event has reported one since: then it is there already, or
   * its end was reported, and the kernel has to be asked.
   */
  private async adoptCreated(created: RecordLog, isWanted: () => boolean): Promise<void> {
    const { node, record, words } = this;
    const { replica, ended, runtime } = node;
    const { table } = replica.internal.flows;
    while (isWanted()) {
      for (let left = ADOPTED_PER_TURN; left > 0; left--) {
        const size = created.take(record, words);
        if (size === 0) return;
        const isReported = isAlive(table, record, 0, size) || ended.flows.find(record, 0, size) >= 0;
        if (!isReported) this.adoptFlow(size);
      }
      await runtime.yieldToLoop();
    }
  }

  /** Copies a flow into {@link record}, with this timeout in seconds; returns its size. */
  private copyOf(table: RecordTable, slot: number, timeout: number): number {
    const { record } = this;
    const size = table.sizeOf(slot);
    copyBytes(table.bytesOf(slot), table.wordsOf(slot), table.offsetOf(slot), size, record, this.words, 0);
    const timeoutAt = findAttribute(record, 0, size, Attr.TIMEOUT);
    if (timeoutAt >= 0) writeU32(record, timeoutAt + TLV_HEADER, timeout);
    return size;
  }

  /** Puts the flow in {@link record}, of `size` bytes, into the internal cache. */
  private adoptFlow(size: number): void {
    const { node, record } = this;
    if (!node.filter.acceptsFlow(Change.NEW, record, size)) return;
    const now = node.runtime.now();
    node.replica.handleKernelChange(Item.FLOW, Change.NEW, Origin.COMMIT, record, size, now);
  }

  private async reconcile(external: ExternalCaches, commit: Commit): Promise<void> {
    const { node } = this;
    const number = ++this.reconciliation;
    const isWanted = (): boolean => number === this.reconciliation && !node.isClosed;
    const { bulks } = node.counters;
    let dumpsAll = !this.isComplete;
    try {
      // The events that wait are older than what the commit created: the ends of the flows that it replaced, above all.
      while (isWanted() && node.reader.readSome()) await node.runtime.yieldToLoop();
      await this.adoptCreated(commit.created, isWanted);
      await this.adoptReplaced(external.flows.table, commit, isWanted);
    } catch (error) {
      this.logFailure(error);
      dumpsAll = true;
    } finally {
      node.ended.endDump();
    }
    try {
      if (isWanted()) {
        await node.tableReader.read(
          'all',
          (item, bytes, length) => this.adoptUnknown(external, item, bytes, length),
          isWanted,
          () => (dumpsAll ? node.kernel.dumpFlows() : node.kernel.dumpUnansweredFlows()),
        );
      }
    } catch (error) {
      this.logFailure(error);
    }
    if (this.commit === commit) this.commit = undefined;
    if (!isWanted()) return;
    // A bulk that was sent meanwhile lacked what was missing from the internal cache.
    if (node.counters.bulks !== bulks) node.engine.sendBulk();
    node.scheduleTransmit();
  }

  /** Asks the kernel for the flows whose end was reported, and adopts those that exist again, as they were committed. */
  private async adoptReplaced(table: RecordTable, commit: Commit, isWanted: () => boolean): Promise<void> {
    const { kernel, replica, runtime, ended } = this.node;
    const { flows: endedFlows } = ended;
    const batch = kernel.batch(Origin.COMMIT);
    const asked: number[] = [];
    const ask = (): void => {
      const answers = kernel.run(batch);
      const seconds = secondsOf(runtime.now());
      asked.forEach((slot, n) => {
        if (answers[n] !== 0) return;
        this.adoptFlow(this.copyOf(table, slot, commit.timeoutOf(slot, seconds)));
      });
      asked.length = 0;
      batch.clear();
    };
    for (let at = 0; at < endedFlows.slots && isWanted(); at++) {
      if (endedFlows.stateOf(at) === SlotState.FREE) continue;
      const bytes = endedFlows.bytesOf(at);
      const start = endedFlows.offsetOf(at);
      const end = start + endedFlows.sizeOf(at);
      const slot = table.find(bytes, start, end);
      if (slot < 0 || isAlive(replica.internal.flows.table, bytes, start, end)) continue;
      batch.probe(bytes, start, end);
      asked.push(slot);
      if (!batch.full) continue;
      ask();
      await runtime.yieldToLoop();
    }
    if (asked.length > 0 && isWanted()) ask();
  }

  /**
   * Puts a flow or an expectation of the kernel's into the internal cache, if it is not there: traffic began the flow, or the
   * master of the expectation was not known yet when it came, by traffic or by the commit.
   */
  private adoptUnknown(external: ExternalCaches, item: Item, bytes: Uint8Array, length: number): void {
    const { replica, runtime } = this.node;
    const kind = item === Item.FLOW ? 'flows' : 'expectations';
    if (isAlive(replica.internal[kind].table, bytes, 0, length)) return;
    const isCommitted = item === Item.EXPECTATION && external.expectations.table.find(bytes, 0, length) >= 0;
    const origin = isCommitted ? Origin.COMMIT : Origin.OTHER;
    replica.handleKernelChange(item, Change.UPDATE, origin, bytes, length, runtime.now());
  }

  private logFailure(error: unknown): void {
    logKernelFailure(this.node.log, "reading the kernel's table after the commit", error);
  }
}

function isAlive(table: RecordTable, bytes: Uint8Array, start: number, end: number): boolean {
  const slot = table.find(bytes, start, end);
  return slot >= 0 && table.stateOf(slot) !== SlotState.DEAD;
}
