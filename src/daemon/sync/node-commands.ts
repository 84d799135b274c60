import { Change } from '../../flow/change.ts';
import { Item } from '../../flow/item.ts';
import { Commit, type CommitOptions } from '../../kernel/apply/commit.ts';
import { errnoText } from '../../system/errno.ts';
import { logKernelFailure } from '../common/kernel-failure.ts';
import { type FlowTest, KernelFlush } from '../common/kernel-flush.ts';
import type { Cancel } from '../common/runtime.ts';
import { CommitRun } from './commit/commit-run.ts';
import { QUIET_COMMIT_MIN, QuietCommit } from './commit/quiet-commit.ts';
import type { ExternalCaches } from './external-records.ts';
import { includesExpectations, type Scope } from './scope.ts';
import type { SyncNode } from './sync-node.ts';

const COMMITTING: Readonly<Record<Scope, string>> = {
  all: 'committing all external caches',
  flows: 'committing conntrack cache',
  expectations: 'committing expectation cache',
};

/** C's words for what was committed. */
type CommittedKind = 'entries' | 'expectations';

/** What a commit came to, over flows and expectations. */
export interface CommitResult {
  readonly committed: number;
  readonly failed: number;
  /** From the beginning to the end, in ms. */
  readonly takenMs: number;
  /** Whether it came to its end: the kernel answered, and the node was not closed meanwhile. */
  readonly isComplete: boolean;
}

/** Carries out what an operator or a script asks of a node that replicates, and logs it in the C node's words. */
export class NodeCommands {
  private readonly node: SyncNode;
  private readonly quietCommit: QuietCommit;
  private cancelScheduledPurge: Cancel | undefined;
  /** The commit under way. */
  private underway: Promise<CommitResult> | undefined;
  private flushing = false;
  /** The last commit that ended, and when, in milliseconds. */
  lastCommit: { readonly result: CommitResult; readonly endedAt: number } | undefined;

  /** @param quietCommitMin flows that the external cache must have for a quiet commit */
  constructor(node: SyncNode, quietCommitMin = QUIET_COMMIT_MIN) {
    this.node = node;
    this.quietCommit = new QuietCommit(node, quietCommitMin);
  }

  close(): void {
    this.cancelPurge();
  }

  /**
   * `-c`: puts the external caches into the kernel. Resolves when that is done; at once, to undefined, if a commit is under way
   * or there is no external cache.
   */
  async commit(scope: Scope): Promise<CommitResult | undefined> {
    const { node } = this;
    node.log.notice(COMMITTING[scope], { event: 'commit_begins', scope });
    this.cancelPurge();
    node.standby?.release();
    if (this.underway !== undefined) {
      node.log.notice('commit already in progress, skipping', { event: 'commit_skipped', scope });
      return undefined;
    }
    const { caches } = node.external;
    if (!caches) return undefined;
    this.underway = this.commitCaches(scope, caches);
    node.recheck?.suspend();
    node.confirmed?.suspend();
    try {
      const result = await this.underway;
      this.lastCommit = { result, endedAt: node.runtime.now() };
      return result;
    } finally {
      this.underway = undefined;
      node.confirmed?.resume();
      node.recheck?.resume();
    }
  }

  /** Resolves when no commit is under way, however the last one ended. */
  async whenIdle(): Promise<void> {
    while (this.underway !== undefined) await this.underway.catch(() => {});
  }

  private async commitCaches(scope: Scope, caches: ExternalCaches): Promise<CommitResult> {
    const { node } = this;
    const startMs = node.runtime.now();
    const commits: Commit[] = [];
    let isComplete = false;
    try {
      await this.runCommits(scope, caches, commits);
      isComplete = !node.isClosed;
    } catch (error) {
      logKernelFailure(node.log, 'commit', error);
    }
    const sum = (count: (commit: Commit) => number) => commits.reduce((total, one) => total + count(one), 0);
    const committed = sum((commit) => commit.committed);
    const failed = sum((commit) => commit.failed);
    node.counters.committed += committed;
    node.counters.commitFailed += failed;
    return {
      committed,
      failed,
      takenMs: node.runtime.now() - startMs,
      isComplete,
    };
  }

  /** Adds each commit to `commits` before it runs it. @throws KernelError */
  private async runCommits(scope: Scope, caches: ExternalCaches, commits: Commit[]): Promise<void> {
    const { node } = this;
    const options: CommitOptions = {
      timeout: node.options.commitTimeout,
      liberal: !node.options.tcpWindowTracking,
    };
    const queue = node.kernel.openQueue();
    try {
      if (scope !== 'expectations') {
        const commit = Commit.flows(queue, caches.flows, options);
        commits.push(commit);
        if (this.quietCommit.isWorthwhile(caches)) await this.commitQuietly(commit, caches);
        else await this.commitWithEvents('entries', commit);
      }
      if (includesExpectations(scope, node.options)) {
        const commit = Commit.expectations(queue, caches.expectations, options);
        commits.push(commit);
        await this.commitWithEvents('expectations', commit);
      }
    } finally {
      queue.close();
    }
  }

  private async commitQuietly(commit: Commit, caches: ExternalCaches): Promise<void> {
    try {
      this.logCommit('entries', await this.quietCommit.run(commit));
    } finally {
      this.quietCommit.finish(commit, caches);
    }
  }

  private async commitWithEvents(what: CommittedKind, commit: Commit): Promise<void> {
    const { node } = this;
    const run = new CommitRun(commit, node.runtime, () => node.isClosed);
    // Events report what it creates.
    while (await run.runBatch()) commit.created.forgetRead();
    this.logCommit(what, run);
  }

  /** `-f`: forgets both caches. */
  async flushCaches(scope: Scope): Promise<void> {
    if (this.refusesFlush()) return;
    this.cancelPurge();
    this.node.log.notice('flushing caches', { event: 'caches_flushed', cache: 'all', scope });
    await this.forgetInternal(scope);
    this.forgetExternal(scope);
  }

  /** `-f internal`, which is that of flows. */
  async flushInternal(scope: Scope): Promise<void> {
    this.cancelPurge();
    this.node.log.notice('flushing internal cache', { event: 'caches_flushed', cache: 'internal', scope });
    await this.forgetInternal(scope);
  }

  /** `-f external` */
  flushExternal(): void {
    if (this.refusesFlush()) return;
    this.node.log.notice('flushing external cache', { event: 'caches_flushed', cache: 'external' });
    this.forgetExternal('flows');
  }

  /** `-R`: reads the kernel's table into the internal cache again; nothing is sent. Resolves to whether it could be read. */
  async resyncWithKernel(scope: Scope): Promise<boolean> {
    const { node } = this;
    const tables: ('conntrack' | 'expect')[] = [];
    if (scope !== 'expectations') tables.push('conntrack');
    if (includesExpectations(scope, node.options)) tables.push('expect');
    for (const table of tables) {
      if (node.audited === undefined) {
        node.log.notice('resync is unsupported in this mode', { event: 'kernel_resync_unsupported' });
      } else {
        node.counters.kernelResyncs++;
        node.log.notice(`resync with master ${table} table`, { event: 'kernel_resync', table });
      }
    }
    try {
      await node.populate(scope);
      return true;
    } catch (error) {
      logKernelFailure(this.node.log, "resync with the kernel's table", error);
      return false;
    }
  }

  /** `-n`: asks the peer for all that it has. */
  requestResync(): void {
    this.node.requestResync(true);
    this.node.scheduleTransmit();
  }

  /** `-B`: sends everything. */
  sendBulk(): void {
    this.node.engine.sendBulk();
    this.node.scheduleTransmit();
  }

  /** `-t`: flushes the kernel's table in PurgeTimeout seconds, unless that is scheduled already. */
  resetTimers(): void {
    if (this.cancelScheduledPurge !== undefined) return;
    const { log, options, runtime } = this.node;
    log.notice(`flushing conntrack table in ${options.purgeTimeout} secs`, {
      event: 'kernel_flush_scheduled',
      delay_seconds: options.purgeTimeout,
    });
    this.cancelScheduledPurge = runtime.after(options.purgeTimeout * 1000, () => void this.purge());
  }

  /** `-F`: removes from the kernel what the filter does not spare. */
  async flushKernel(scope: Scope): Promise<void> {
    const { node } = this;
    if (scope !== 'expectations') {
      node.counters.kernelFlushes++;
      node.log.notice('flushing kernel conntrack table', { event: 'kernel_flush', table: 'conntrack' });
      await this.flushKernelFlows();
    }
    if (includesExpectations(scope, node.options)) {
      node.counters.kernelFlushes++;
      node.log.notice('flushing kernel expect table', { event: 'kernel_flush', table: 'expect' });
      this.flushKernelExpectations();
    }
  }

  private async purge(): Promise<void> {
    const { node } = this;
    this.cancelScheduledPurge = undefined;
    node.counters.kernelFlushes++;
    node.log.notice('flushing kernel conntrack table (scheduled)', {
      event: 'kernel_flush',
      table: 'conntrack',
    });
    // The cache goes first, so that flows which begin meanwhile stay in it.
    node.audited?.flows.flush();
    await this.flushKernelFlows((bytes, length) => node.standby?.has(bytes, length) !== true);
    node.engine.noteTableRead(Item.FLOW);
  }

  private cancelPurge(): void {
    this.cancelScheduledPurge?.();
    this.cancelScheduledPurge = undefined;
  }

  private refusesFlush(): boolean {
    if (this.underway === undefined) return false;
    this.node.log.error('ignoring flush command, commit still in progress', { event: 'flush_refused' });
    return true;
  }

  /** Without an internal cache, the kernel's table stands for it, as with the C node. */
  private async forgetInternal(scope: Scope): Promise<void> {
    const { node } = this;
    const { audited } = node;
    if (audited === undefined) {
      await this.flushKernelFlows();
      if (includesExpectations(scope, node.options)) this.flushKernelExpectations();
      return;
    }
    this.quietCommit.forget();
    audited.flows.flush();
    if (includesExpectations(scope, node.options)) audited.expectations.flush();
  }

  private forgetExternal(scope: Scope): void {
    const { caches } = this.node.external;
    caches?.flows.flush();
    if (includesExpectations(scope, this.node.options)) caches?.expectations.flush();
  }

  private logCommit(what: CommittedKind, { commit, elapsedMs }: CommitRun): void {
    const { log, isClosed } = this.node;
    if (isClosed) return;
    for (const { errno, step, subject } of commit.failures) {
      log.error(`commit-${step}: ${errnoText(errno)}`, {
        event: 'commit_entry_failed',
        step,
        errno,
        reason: errnoText(errno),
        subject,
      });
    }
    const { committed, failed } = commit;
    log.notice(`Committed ${committed} new ${what}`, { event: 'commit_entries', kind: what, committed });
    if (failed > 0)
      log.notice(`${failed} ${what} can't be committed`, { event: 'commit_failures', kind: what, failed });
    log.notice(`commit has taken ${(elapsedMs / 1000).toFixed(6)} seconds`, {
      event: 'commit_done',
      kind: what,
      committed,
      failed,
      elapsed_ms: elapsedMs,
    });
  }

  /** @param isWanted whether to remove a flow that the filter does not spare */
  private async flushKernelFlows(isWanted: FlowTest = () => true): Promise<void> {
    const { node } = this;
    if (this.flushing) return;
    this.flushing = true;
    node.recheck?.suspend();
    let flush: KernelFlush | undefined;
    try {
      flush = new KernelFlush(
        node.kernel,
        (bytes, length) => node.filter.acceptsFlow(Change.UPDATE, bytes, length) && isWanted(bytes, length),
      );
      while (!node.isClosed && !flush.step()) await node.runtime.yieldToLoop();
    } catch (error) {
      logKernelFailure(this.node.log, "flush of the kernel's table", error);
    } finally {
      flush?.close();
      node.recheck?.resume();
      this.flushing = false;
    }
  }

  private flushKernelExpectations(): void {
    try {
      this.node.kernel.flushExpectations();
    } catch (error) {
      logKernelFailure(this.node.log, 'flush of expectations', error);
    }
  }
}
