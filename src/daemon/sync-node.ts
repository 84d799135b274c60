import { type Change, Origin } from '../flow/change.ts';
import { Commit, type CommitOptions } from '../kernel/commit.ts';
import { errnoText } from '../kernel/errno.ts';
import { type Kernel, KernelError, type KernelSink, Read } from '../kernel/kernel.ts';
import { Transmission } from '../sync/engine.ts';
import { type FilterRules, FlowFilter } from '../sync/flow-filter.ts';
import { FtFw } from '../sync/ftfw.ts';
import { Item } from '../sync/message-queues.ts';
import { Replica, secondsOf } from '../sync/replica.ts';
import { ExternalCache } from '../table/external-cache.ts';
import { InternalCache } from '../table/internal-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../table/key.ts';
import { Collector } from '../wire/collector.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../wire/record.ts';
import { ExpectationFilter } from './expectation-filter.ts';
import { KernelAudit } from './kernel-audit.ts';
import { KernelFlush } from './kernel-flush.ts';
import type { Log } from './log.ts';

/** The dedicated links as the node uses them. */
export interface NodeLinks {
  /** Bytes that a datagram on the current link must stay below. */
  readonly payloadLimit: number;
  /** Sends `bytes[0, length)` on the current link. */
  send(bytes: Uint8Array, length: number): void;
  /** A valid message came in on this link: it becomes the current one. */
  heard(link: number): void;
}

export interface SyncNodeOptions {
  readonly resendQueueSize: number;
  readonly ackWindowSize: number;
  /** Seconds, or undefined for the peer's timeouts. */
  readonly commitTimeout: number | undefined;
  readonly purgeTimeout: number;
  readonly hashLimit: number;
  readonly tcpWindowTracking: boolean;
  readonly expectationSync: boolean | readonly string[];
  readonly filter: FilterRules | undefined;
  readonly eventIterationLimit: number;
  /** Seconds from an overrun to the dump that mends it; negative: never. */
  readonly overrunResync: number;
  /** Bytes. */
  readonly bufferSizeMaxGrowth: number;
  /** Makes the caches' hashes differ from process to process. */
  readonly hashSeed: number;
}

export interface NodeCounters {
  eventsReceived: number;
  eventsFiltered: number;
  eventsFailed: number;
  overruns: number;
  kernelFlushes: number;
  kernelResyncs: number;
  /** Traffic of the flows that ended, where the kernel counts it. */
  trafficBytes: number;
  trafficPackets: number;
}

/** Which kinds of record a command is about. */
export type Scope = 'flows' | 'expectations' | 'all';

/** Messages written in one turn before others get theirs. */
const TRANSMIT_BUDGET = 4096;

/** Monotonic milliseconds. */
function clock(): number {
  return performance.now();
}

/** Lets everything else that waits have its turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * A node that replicates: the kernel, the links and the timers joined to a {@link Replica}. It knows nothing of the
 * process around it (files, signals, the control socket).
 */
export class SyncNode {
  readonly replica: Replica;
  readonly engine: FtFw;
  readonly external: { readonly flows: ExternalCache; readonly expectations: ExternalCache };
  readonly counters: NodeCounters = {
    eventsReceived: 0,
    eventsFiltered: 0,
    eventsFailed: 0,
    overruns: 0,
    kernelFlushes: 0,
    kernelResyncs: 0,
    trafficBytes: 0,
    trafficPackets: 0,
  };
  private readonly kernel: Kernel;
  private readonly links: NodeLinks;
  private readonly log: Log;
  private readonly options: SyncNodeOptions;
  private readonly filter: FlowFilter | undefined;
  private readonly expectationFilter: ExpectationFilter;
  private readonly collector: Collector;
  private readonly events: KernelSink;
  private transmitScheduled = false;
  private timer: NodeJS.Timeout | undefined;
  private purgeTimer: NodeJS.Timeout | undefined;
  private overrunTimer: NodeJS.Timeout | undefined;
  private growthWarned = false;
  private committing = false;
  private flushing = false;
  private closed = false;

  constructor(kernel: Kernel, links: NodeLinks, log: Log, options: SyncNodeOptions) {
    this.kernel = kernel;
    this.links = links;
    this.log = log;
    this.options = options;
    this.filter = options.filter && new FlowFilter(options.filter);

    const flows = () => new FlowKeyer(options.hashSeed);
    const expectations = () => new ExpectationKeyer(options.hashSeed);
    const limit = options.hashLimit;
    const internal = {
      flows: new InternalCache(FLOW_FORMAT, flows(), limit),
      expectations: new InternalCache(EXPECTATION_FORMAT, expectations(), limit),
    };
    this.external = {
      flows: new ExternalCache(FLOW_FORMAT, flows(), limit),
      expectations: new ExternalCache(EXPECTATION_FORMAT, expectations(), limit),
    };
    const { resendQueueSize, ackWindowSize } = options;
    const clockSeconds = Math.floor(Date.now() / 1000);
    this.engine = new FtFw(internal, { resendQueueSize, ackWindowSize, clockSeconds }, clock());
    this.replica = new Replica(internal, this.external, this.engine);
    this.expectationFilter = new ExpectationFilter(options.expectationSync, internal.flows);
    this.collector = new Collector(links.payloadLimit, (bytes, length) => links.send(bytes, length));
    this.events = this.eventSink();
  }

  /**
   * Reads the kernel's table into the internal cache, then follows its events and the peer's messages.
   * @throws KernelError
   */
  async start(startupResync: boolean): Promise<void> {
    this.kernel.watchEvents(() => this.readEvents());
    await this.populate('all');
    if (startupResync) this.requestResync();
    this.armTimer(this.engine.nextTimeout());
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    clearTimeout(this.purgeTimer);
    clearTimeout(this.overrunTimer);
  }

  /** A datagram came in: `bytes[start, end)`. */
  datagram(link: number, sender: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.replica.receive(sender, bytes, start, end, clock())) this.links.heard(link);
  }

  /** Something may be waiting to be sent: looks after it as soon as all that came in is dealt with. */
  scheduleTransmit(): void {
    if (this.transmitScheduled || this.closed) return;
    this.transmitScheduled = true;
    setImmediate(() => this.transmit());
  }

  /** `-c`: puts the external caches into the kernel. False if a commit is under way. */
  async commit(scope: Scope): Promise<boolean> {
    clearTimeout(this.purgeTimer);
    this.purgeTimer = undefined;
    if (this.committing) {
      this.log.notice('commit already in progress, skipping');
      return false;
    }
    this.committing = true;
    const options: CommitOptions = {
      timeout: this.options.commitTimeout,
      liberal: !this.options.tcpWindowTracking,
    };
    try {
      const batch = this.kernel.batch(Origin.COMMIT);
      if (scope !== 'expectations')
        await this.runCommit(Commit.flows(this.kernel, batch, this.external.flows, options));
      if (scope !== 'flows' && this.options.expectationSync) {
        await this.runCommit(Commit.expectations(this.kernel, batch, this.external.expectations, options));
      }
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.log.error(`commit: ${error.message}`);
    } finally {
      this.committing = false;
    }
    return true;
  }

  /** `-f`: forgets caches. */
  flush(internal: boolean, external: boolean, scope: Scope): void {
    if (external && this.committing) {
      this.log.error('ignoring flush command, commit still in progress');
      return;
    }
    if (internal) this.cancelPurge();
    this.log.notice(
      internal && external
        ? 'flushing caches'
        : internal
          ? 'flushing internal cache'
          : 'flushing external cache',
    );
    const expectations = scope === 'all' && this.options.expectationSync !== false;
    if (internal) {
      this.replica.flushInternal(Item.FLOW);
      if (expectations) this.replica.flushInternal(Item.EXPECTATION);
    }
    if (external) {
      this.external.flows.flush();
      if (expectations) this.external.expectations.flush();
    }
  }

  /** `-R`: reads the kernel's table into the internal cache again; nothing is sent. */
  async resyncWithKernel(scope: Scope): Promise<void> {
    const withExpectations = scope !== 'flows' && this.options.expectationSync !== false;
    if (scope !== 'expectations') {
      this.counters.kernelResyncs++;
      this.log.notice('resync with master conntrack table');
    }
    if (withExpectations) {
      this.counters.kernelResyncs++;
      this.log.notice('resync with master expect table');
    }
    await this.populate(scope);
  }

  /** `-n`: asks the peer for all that it has. */
  requestResync(): void {
    this.engine.requestResync();
    this.scheduleTransmit();
  }

  /** `-B`: sends the whole internal caches. */
  sendBulk(): void {
    this.engine.sendBulk();
    this.scheduleTransmit();
  }

  /** `-t`: flushes the kernel's table in PurgeTimeout seconds, unless that is scheduled already. */
  resetTimers(): void {
    if (this.purgeTimer !== undefined) return;
    const { purgeTimeout } = this.options;
    this.log.notice(`flushing conntrack table in ${purgeTimeout} secs`);
    this.purgeTimer = setTimeout(() => {
      this.purgeTimer = undefined;
      this.log.notice('flushing kernel conntrack table (scheduled)');
      void this.flushKernelFlows().then(() => this.replica.flushInternal(Item.FLOW));
    }, purgeTimeout * 1000);
  }

  /** `-F`: removes from the kernel what the filter does not spare. */
  async flushKernel(scope: Scope): Promise<void> {
    if (scope !== 'expectations') {
      this.log.notice('flushing kernel conntrack table');
      await this.flushKernelFlows();
    }
    if (scope !== 'flows' && this.options.expectationSync !== false) {
      this.counters.kernelFlushes++;
      this.log.notice('flushing kernel expect table');
      this.kernel.flushExpectations();
    }
  }

  private eventSink(): KernelSink {
    const { replica, counters } = this;
    return {
      flow: (change, origin, bytes, length) => {
        counters.eventsReceived++;
        if (!this.passes(change, bytes, length)) counters.eventsFiltered++;
        else replica.kernelChange(Item.FLOW, change, origin, bytes, length, clock());
      },
      expectation: (change, origin, bytes, length) => {
        counters.eventsReceived++;
        if (!this.expectationFilter.accepts(bytes, length)) counters.eventsFiltered++;
        else replica.kernelChange(Item.EXPECTATION, change, origin, bytes, length, clock());
      },
      traffic: (originalPackets, originalBytes, replyPackets, replyBytes) => {
        counters.trafficPackets += originalPackets + replyPackets;
        counters.trafficBytes += originalBytes + replyBytes;
      },
    };
  }

  private passes(change: Change, bytes: Uint8Array, length: number): boolean {
    return this.filter === undefined || this.filter.accepts(bytes, 0, length, change === 2);
  }

  private readEvents(): void {
    if (this.closed) return;
    const read = this.kernel.readEvents(this.events, this.options.eventIterationLimit);
    if (read === Read.OVERRUN) this.overrun();
    this.scheduleTransmit();
  }

  private overrun(): void {
    this.counters.overruns++;
    this.counters.eventsFailed++;
    this.growEventBuffer();
    const { overrunResync } = this.options;
    if (overrunResync <= 0) return;
    clearTimeout(this.overrunTimer);
    this.overrunTimer = setTimeout(() => void this.mendOverrun(), overrunResync * 1000);
  }

  private growEventBuffer(): void {
    if (this.growthWarned) return;
    const twice = 2 * this.kernel.eventBufferSize;
    if (twice > this.options.bufferSizeMaxGrowth) {
      this.growthWarned = true;
      this.log.warning(
        'netlink event socket buffer size cannot be doubled further since it will exceed NetlinkBufferSizeMaxGrowth. ' +
          'We are likely to be losing events, this may lead to unsynchronized replicas. Please, consider increasing ' +
          'netlink socket buffer size via NetlinkBufferSize and NetlinkBufferSizeMaxGrowth clauses in conntrackd.conf',
      );
      return;
    }
    const size = this.kernel.growEventBuffer(twice);
    this.log.notice(`netlink event socket buffer size has been doubled to ${size} bytes`);
  }

  /** Events were lost: takes the kernel's table anew, and drops what the kernel does not have. */
  private async mendOverrun(): Promise<void> {
    this.counters.kernelResyncs++;
    try {
      const audit = new KernelAudit(this.kernel, this.replica, (bytes, length) =>
        this.passes(1, bytes, length),
      );
      while (!this.closed && !audit.step(clock())) {
        this.scheduleTransmit();
        await turn();
      }
      this.scheduleTransmit();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.log.error(`resync with the kernel's table: ${error.message}`);
    }
  }

  private async populate(scope: Scope): Promise<void> {
    const { replica } = this;
    const sink: KernelSink = {
      flow: (change, _origin, bytes, length) => {
        if (this.passes(change, bytes, length)) replica.populate(Item.FLOW, bytes, length, clock());
      },
      expectation: (_change, _origin, bytes, length) => {
        if (this.expectationFilter.accepts(bytes, length)) {
          replica.populate(Item.EXPECTATION, bytes, length, clock());
        }
      },
      traffic: () => {},
    };
    if (scope !== 'expectations') await this.runDump(() => this.kernel.dumpFlows(), sink);
    if (scope !== 'flows' && this.options.expectationSync !== false) {
      await this.runDump(() => this.kernel.dumpExpectations(), sink);
    }
  }

  private async runDump(begin: () => ReturnType<Kernel['dumpFlows']>, sink: KernelSink): Promise<void> {
    const dump = begin();
    try {
      while (!this.closed && !dump.step(sink)) await turn();
    } finally {
      dump.close();
    }
  }

  private async runCommit(commit: Commit): Promise<void> {
    const begun = clock();
    while (!commit.step(secondsOf(clock()))) await turn();
    const taken = clock() - begun;
    for (const { errno, step } of commit.failures) this.log.error(`commit-${step}: ${errnoText(errno)}`);
    this.log.notice(`Committed ${commit.committed} new entries`);
    if (commit.failed > 0) this.log.notice(`${commit.failed} entries can't be committed`);
    this.log.notice(`commit has taken ${(taken / 1000).toFixed(6)} seconds`);
  }

  private async flushKernelFlows(): Promise<void> {
    this.counters.kernelFlushes++;
    if (this.flushing) return;
    this.flushing = true;
    try {
      const flush = new KernelFlush(this.kernel, (bytes, length) => this.passes(1, bytes, length));
      while (!this.closed && !flush.step()) await turn();
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.log.error(`flush of the kernel's table: ${error.message}`);
    } finally {
      this.flushing = false;
    }
  }

  private cancelPurge(): void {
    clearTimeout(this.purgeTimer);
    this.purgeTimer = undefined;
  }

  private transmit(): void {
    this.transmitScheduled = false;
    if (this.closed) return;
    this.collector.setLimit(this.links.payloadLimit);
    const result = this.engine.transmit(this.collector, clock(), TRANSMIT_BUDGET);
    this.report();
    if (result === Transmission.MORE) this.scheduleTransmit();
    else if (result === Transmission.WAITING) this.armTimer(this.engine.nextTimeout());
  }

  private armTimer(at: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.timeout(), Math.max(0, at - clock()));
  }

  private timeout(): void {
    const now = clock();
    if (now >= this.engine.nextTimeout()) {
      this.engine.handleTimeout(now);
      this.scheduleTransmit();
    }
    this.armTimer(this.engine.nextTimeout());
  }

  private report(): void {
    for (const fact of this.engine.takeFacts()) {
      switch (fact.kind) {
        case 'resync-requested-by-peer':
          this.log.notice('resync requested by other node');
          break;
        case 'resync-requested':
          this.log.notice('resync requested');
          break;
        case 'bulk-update':
          this.log.notice('sending bulk update');
          break;
        case 'peer-adopted':
          this.log.notice('the other node began anew without saying so: taking its messages from here on');
          break;
      }
    }
  }
}
