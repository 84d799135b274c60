import { Change, Origin } from '../../flow/change.ts';
import { Item } from '../../flow/item.ts';
import { Commit, type CommitOptions } from '../../kernel/apply/commit.ts';
import { KernelError } from '../../kernel/kernel.ts';
import { secondsOf } from '../../sync/replica.ts';
import { errnoText } from '../../system/errno.ts';
import { KernelFlush } from '../common/kernel-flush.ts';
import type { Cancel } from '../common/runtime.ts';
import { QUIET_COMMIT_MIN, QuietCommit } from './quiet-commit.ts';
import type { Scope, SyncNode } from './sync-node.ts';

const COMMITTING: Readonly<Record<Scope, string>> = {
  all: 'committing all external caches',
  flows: 'committing conntrack cache',
  expectations: 'committing expectation cache',
};

/** What an operator or a script asks of a node that replicates. The log says what is done, in the C node's words. */
export class NodeCommands {
  private readonly node: SyncNode;
  private readonly unheard: QuietCommit;
  private cancelScheduled: Cancel | undefined;
  private committing = false;
  private flushing = false;

  /** @param unheardFrom flows from which on a commit may be done unheard */
  constructor(node: SyncNode, unheardFrom = QUIET_COMMIT_MIN) {
    this.node = node;
    this.unheard = new QuietCommit(node, unheardFrom);
  }

  close(): void {
    this.cancelPurge();
  }

  /** `-c`: puts the external caches into the kernel. Resolves when that is done, or at once if it is under way. */
  async commit(scope: Scope): Promise<void> {
    const { node } = this;
    node.log.notice(COMMITTING[scope]);
    this.cancelPurge();
    if (this.committing) {
      node.log.notice('commit already in progress, skipping');
      return;
    }
    const { caches } = node.external;
    if (!caches) return;
    this.committing = true;
    const options: CommitOptions = {
      timeout: node.options.commitTimeout,
      liberal: !node.options.tcpWindowTracking,
    };
    try {
      const batch = node.kernel.batch(Origin.COMMIT);
      if (scope !== 'expectations') {
        const flows = Commit.flows(node.kernel, batch, caches.flows, options);
        const run = (stepped?: () => void) => this.run('entries', flows, stepped);
        if (this.unheard.suits(caches)) await this.unheard.run(caches, flows, run);
        else await run();
      }
      if (node.concernsExpectations(scope)) {
        await this.run('expectations', Commit.expectations(node.kernel, batch, caches.expectations, options));
      }
    } catch (error) {
      this.failed('commit', error);
    } finally {
      this.committing = false;
    }
  }

  /** `-f`: forgets both caches. */
  async flushCaches(scope: Scope): Promise<void> {
    if (this.refusesFlush()) return;
    this.cancelPurge();
    this.node.log.notice('flushing caches');
    await this.forgetInternal(scope);
    this.forgetExternal(scope);
  }

  /** `-f internal` */
  async flushInternal(): Promise<void> {
    this.cancelPurge();
    this.node.log.notice('flushing internal cache');
    await this.forgetInternal('flows');
  }

  /** `-f external` */
  flushExternal(): void {
    if (this.refusesFlush()) return;
    this.node.log.notice('flushing external cache');
    this.forgetExternal('flows');
  }

  /** `-R`: reads the kernel's table into the internal cache again; nothing is sent. */
  async resyncWithKernel(scope: Scope): Promise<void> {
    const { node } = this;
    const tables: string[] = [];
    if (scope !== 'expectations') tables.push('conntrack');
    if (node.concernsExpectations(scope)) tables.push('expect');
    for (const table of tables) {
      if (node.bypass) {
        node.log.notice('resync is unsupported in this mode');
      } else {
        node.counters.kernelResyncs++;
        node.log.notice(`resync with master ${table} table`);
      }
    }
    try {
      await node.populate(scope);
    } catch (error) {
      this.failed("resync with the kernel's table", error);
    }
  }

  /** `-n`: asks the peer for all that it has. */
  requestResync(): void {
    this.node.engine.requestResync();
    this.node.scheduleTransmit();
  }

  /** `-B`: sends everything. */
  sendBulk(): void {
    this.node.engine.sendBulk();
    this.node.scheduleTransmit();
  }

  /** `-t`: flushes the kernel's table in PurgeTimeout seconds, unless that is scheduled already. */
  resetTimers(): void {
    if (this.cancelScheduled !== undefined) return;
    const { log, options, runtime } = this.node;
    log.notice(`flushing conntrack table in ${options.purgeTimeout} secs`);
    this.cancelScheduled = runtime.after(options.purgeTimeout * 1000, () => void this.purge());
  }

  /** `-F`: removes from the kernel what the filter does not spare. */
  async flushKernel(scope: Scope): Promise<void> {
    const { node } = this;
    if (scope !== 'expectations') {
      node.counters.kernelFlushes++;
      node.log.notice('flushing kernel conntrack table');
      await this.flushKernelFlows();
    }
    if (node.concernsExpectations(scope)) {
      node.counters.kernelFlushes++;
      node.log.notice('flushing kernel expect table');
      this.flushKernelExpectations();
    }
  }

  private async purge(): Promise<void> {
    const { node } = this;
    this.cancelScheduled = undefined;
    node.counters.kernelFlushes++;
    node.log.notice('flushing kernel conntrack table (scheduled)');
    // First, so that flows which begin meanwhile are not forgotten.
    if (!node.bypass) node.replica.flushInternal(Item.FLOW);
    await this.flushKernelFlows();
  }

  private cancelPurge(): void {
    this.cancelScheduled?.();
    this.cancelScheduled = undefined;
  }

  private refusesFlush(): boolean {
    if (this.committing) this.node.log.error('ignoring flush command, commit still in progress');
    return this.committing;
  }

  /** Without an internal cache, the kernel's table stands for it, as with the C node. */
  private async forgetInternal(scope: Scope): Promise<void> {
    const { node } = this;
    if (node.bypass) {
      await this.flushKernelFlows();
      if (node.concernsExpectations(scope)) this.flushKernelExpectations();
      return;
    }
    this.unheard.forget();
    node.replica.flushInternal(Item.FLOW);
    if (node.concernsExpectations(scope)) node.replica.flushInternal(Item.EXPECTATION);
  }

  private forgetExternal(scope: Scope): void {
    const { caches } = this.node.external;
    caches?.flows.flush();
    if (this.node.concernsExpectations(scope)) caches?.expectations.flush();
  }

  private async run(
    what: 'entries' | 'expectations',
    commit: Commit,
    stepped = (): void => {},
  ): Promise<void> {
    const { log, runtime } = this.node;
    const begun = runtime.now();
    for (let done = false; !done && !this.node.isClosed; ) {
      done = commit.step(secondsOf(runtime.now()));
      stepped();
      if (!done) await runtime.yieldToLoop();
    }
    if (this.node.isClosed) return;
    const taken = runtime.now() - begun;
    for (const { errno, step, subject } of commit.failures) {
      log.error(`commit-${step}: ${errnoText(errno)}`);
      log.subject(subject);
    }
    log.notice(`Committed ${commit.committed} new ${what}`);
    if (commit.failed > 0) log.notice(`${commit.failed} ${what} can't be committed`);
    log.notice(`commit has taken ${(taken / 1000).toFixed(6)} seconds`);
  }

  private async flushKernelFlows(): Promise<void> {
    const { node } = this;
    if (this.flushing) return;
    this.flushing = true;
    let flush: KernelFlush | undefined;
    try {
      flush = new KernelFlush(node.kernel, (bytes, length) => node.passes(Change.UPDATE, bytes, length));
      while (!node.isClosed && !flush.step()) await node.runtime.yieldToLoop();
    } catch (error) {
      this.failed("flush of the kernel's table", error);
    } finally {
      flush?.close();
      this.flushing = false;
    }
  }

  private flushKernelExpectations(): void {
    try {
      this.node.kernel.flushExpectations();
    } catch (error) {
      this.failed('flush of expectations', error);
    }
  }

  private failed(what: string, error: unknown): void {
    if (!(error instanceof KernelError)) throw error;
    this.node.log.error(`${what}: ${error.message}`);
  }
}
