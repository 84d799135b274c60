import { Change } from '../../flow/change.ts';
import { Item } from '../../flow/item.ts';
import { Injection } from '../../kernel/apply/injection.ts';
import { type Kernel, KernelError, type KernelSink } from '../../kernel/kernel.ts';
import { Bypass } from '../../sync/bypass.ts';
import { LINKS_MAX, type SyncEngine, Transmission } from '../../sync/engine.ts';
import { type FilterRules, FlowFilter } from '../../sync/flow-filter.ts';
import { NoTrack } from '../../sync/notrack.ts';
import { Replica, secondsOf } from '../../sync/replica.ts';
import { EndedRecords } from '../../table/ended-records.ts';
import { InternalCache } from '../../table/internal-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../table/key.ts';
import type { RecordTable } from '../../table/record-table.ts';
import { Collector } from '../../wire/collector.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../../wire/record.ts';
import { CoalescedTask } from '../common/coalesced-task.ts';
import { EventReader, type EventReaderOptions } from '../common/event-reader.ts';
import { readDump } from '../common/kernel-reader.ts';
import { type Cancel, PROCESS_RUNTIME, type Runtime } from '../common/runtime.ts';
import type { Log } from '../process/log.ts';
import { createEngine, type EngineOptions } from './engine.ts';
import { ExpectationFilter } from './expectation-filter.ts';
import { directInjection, type ExternalSide, expiringCaches, lastingCaches } from './external-side.ts';
import { type AuditTest, auditReplica } from './kernel-audit.ts';

/** The dedicated links as the node uses them. */
export interface NodeLinks {
  /** Bytes that a datagram on the current link must stay below. */
  readonly payloadLimit: number;
  /** The current link takes no more at present; the owner is told when it does again. */
  readonly congested: boolean;
  /** Sends `bytes[0, length)` on the current link, at the latest with the next `flush`. */
  send(bytes: Uint8Array, length: number): void;
  flush(): void;
  /** A valid message came in on this link: it becomes the current one. */
  heard(link: number): void;
}

export interface SyncNodeOptions extends EngineOptions, EventReaderOptions {
  /** Seconds, or undefined for the peer's timeouts. */
  readonly commitTimeout: number | undefined;
  readonly purgeTimeout: number;
  /** Seconds that an external record lives without a refresh in ALARM mode. */
  readonly cacheTimeout: number;
  readonly disableExternalCache: boolean;
  readonly hashLimit: number;
  readonly tcpWindowTracking: boolean;
  readonly expectationSync: boolean | readonly string[];
  readonly filter: FilterRules | undefined;
  /** Seconds from one dump of the kernel's table to the next, in the place of events; undefined: events. */
  readonly pollSeconds: number | undefined;
  /** Makes the caches' hashes differ from process to process. */
  readonly hashSeed: number;
}

export interface NodeCounters {
  eventsReceived: number;
  eventsFiltered: number;
  kernelFlushes: number;
  kernelResyncs: number;
  /** How often all was sent that the internal cache held. */
  bulks: number;
  /** Traffic of the flows that ended, where the kernel counts it. */
  trafficBytes: number;
  trafficPackets: number;
}

/** Which kinds of record something is about. */
export type Scope = 'flows' | 'expectations' | 'all';

/** Messages written in one turn before others get theirs. */
const TRANSMIT_BUDGET = 4096;

/** The node looks at the time this often at least, in milliseconds. */
const HEARTBEAT_MS = 1000;

/** Seconds that an injected flow gets whose timeout the peer does not tell, as in a commit. */
const FALLBACK_TIMEOUT_S = 60;

/**
 * A node that replicates: the kernel, the links and the timers joined to a {@link Replica}. It knows nothing of the
 * process around it (files, signals, the control socket); what an operator can ask of it is in `node-commands.ts`.
 */
export class SyncNode {
  readonly kernel: Kernel;
  readonly log: Log;
  readonly options: SyncNodeOptions;
  readonly runtime: Runtime;
  readonly replica: Replica;
  readonly engine: SyncEngine;
  readonly external: ExternalSide;
  /** With DisableInternalCache. */
  readonly bypass: Bypass | undefined;
  readonly counters: NodeCounters = {
    eventsReceived: 0,
    eventsFiltered: 0,
    kernelFlushes: 0,
    kernelResyncs: 0,
    bulks: 0,
    trafficBytes: 0,
    trafficPackets: 0,
  };
  private readonly links: NodeLinks;
  private readonly filter: FlowFilter | undefined;
  private readonly expectationFilter: ExpectationFilter;
  private readonly collector: Collector;
  readonly reader: EventReader;
  /** When the read of events under way began. */
  private readAt = 0;
  private readonly ended: readonly [flows: EndedRecords, expectations: EndedRecords];
  private transmitScheduled = false;
  private cancelTimeout: Cancel | undefined;
  /** When {@link timeout} is due, by the clock of the runtime. */
  private timeoutAt = Number.POSITIVE_INFINITY;
  private cancelPolls: Cancel | undefined;
  private readonly audit = new CoalescedTask(() => this.auditKernel());
  private readonly bulk = new CoalescedTask(() => this.sendKernel());
  private closed = false;

  constructor(
    kernel: Kernel,
    links: NodeLinks,
    log: Log,
    options: SyncNodeOptions,
    runtime: Runtime = PROCESS_RUNTIME,
  ) {
    this.kernel = kernel;
    this.links = links;
    this.log = log;
    this.options = options;
    this.runtime = runtime;
    this.filter = options.filter && new FlowFilter(options.filter);

    const { hashLimit, hashSeed, fastPaths = true } = options;
    const internal = {
      flows: new InternalCache(FLOW_FORMAT, new FlowKeyer(hashSeed), hashLimit, fastPaths),
      expectations: new InternalCache(
        EXPECTATION_FORMAT,
        new ExpectationKeyer(hashSeed),
        hashLimit,
        fastPaths,
      ),
    };
    this.ended = [
      new EndedRecords(new FlowKeyer(hashSeed), hashLimit, fastPaths),
      new EndedRecords(new ExpectationKeyer(hashSeed), hashLimit, fastPaths),
    ];
    this.external = externalSide(kernel, options, runtime);
    this.engine = createEngine(options, internal, runtime);
    this.replica = new Replica(internal, this.external.sinks, this.engine, fastPaths);
    this.expectationFilter = new ExpectationFilter(options, internal.flows, kernel);
    this.collector = new Collector(links.payloadLimit, (bytes, length) => links.send(bytes, length));
    this.bypass =
      options.disableInternalCache && this.engine instanceof NoTrack
        ? new Bypass(this.engine, this.collector)
        : undefined;
    this.reader = new EventReader(
      kernel,
      this.eventSink(),
      log,
      // Without an internal cache there is nothing to bring back in line.
      this.bypass ? { ...options, overrunResync: -1 } : options,
      {
        received: () => this.counters.eventsReceived,
        reading: () => {
          this.readAt = runtime.now();
        },
        read: () => this.transmit(),
        resync: () => this.resyncAfterOverrun(),
      },
      runtime,
    );
  }

  /**
   * Reads the kernel's table into the internal cache, then follows its events and the peer's messages.
   * @throws KernelError
   */
  async start(startupResync: boolean): Promise<void> {
    const { pollSeconds } = this.options;
    if (pollSeconds === undefined) this.reader.start();
    else if (!this.bypass)
      this.cancelPolls = this.runtime.every(pollSeconds * 1000, () => void this.audit.run());
    await this.populate('all');
    if (this.closed) return;
    if (startupResync) this.engine.requestResync();
    this.scheduleTransmit();
    this.armTimer();
  }

  close(): void {
    this.closed = true;
    this.reader.close();
    this.cancelTimeout?.();
    this.cancelPolls?.();
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** A datagram came in: `bytes[start, end)`. */
  datagram(link: number, sender: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.closed) return;
    // Zero stands for the one peer of all links.
    const speaker = sender === 0 ? 0 : sender * LINKS_MAX + link;
    if (this.replica.receive(speaker, bytes, start, end, this.runtime.now())) this.links.heard(link);
  }

  /** All datagrams that waited have been given. */
  drained(): void {
    if (this.closed) return;
    for (const { text, subject } of this.external.settle()) {
      this.log.warning(text);
      if (subject !== undefined) this.log.subject(subject);
    }
    this.transmit();
  }

  /** Something may be waiting to be sent: looks after it as soon as all that came in is dealt with. */
  scheduleTransmit(): void {
    if (this.transmitScheduled || this.closed) return;
    this.transmitScheduled = true;
    this.runtime.defer(() => this.transmit());
  }

  /** True if the filter lets the flow `bytes[0, length)` through. */
  passes(change: Change, bytes: Uint8Array, length: number): boolean {
    return this.filter === undefined || this.filter.accepts(bytes, 0, length, change === Change.DESTROY);
  }

  /**
   * True if the expectation `bytes[0, length)` is to be replicated.
   * @throws KernelError
   */
  passesExpectation(bytes: Uint8Array, length: number): boolean {
    return this.expectationFilter.accepts(bytes, length);
  }

  /** Whether something about expectations is to be done in this scope. */
  concernsExpectations(scope: Scope): boolean {
    return scope !== 'flows' && this.options.expectationSync !== false;
  }

  /**
   * Reads the kernel's table into the internal cache; nothing is sent.
   * @throws KernelError
   */
  async populate(scope: Scope): Promise<void> {
    if (this.bypass) return;
    const { replica } = this;
    const { now } = this.runtime;
    await this.readKernel(scope, (item, bytes, length) => replica.populate(item, bytes, length, now()));
  }

  /**
   * Gives what the filters let through of the kernel's table to `take`, a part a turn, as long as `goOn` says so.
   * @param dumpFlows the flows that are meant, if not all
   * @throws KernelError
   */
  async readKernel(
    scope: Scope,
    take: (item: Item, bytes: Uint8Array, length: number) => void,
    goOn = () => !this.closed,
    dumpFlows = () => this.kernel.dumpFlows(),
  ): Promise<void> {
    const sink: KernelSink = {
      flow: (_change, _origin, bytes, length) => {
        if (this.passesInDump(bytes, length)) take(Item.FLOW, bytes, length);
      },
      expectation: (_change, _origin, bytes, length) => {
        if (this.expectationPassesInDump(bytes, length)) take(Item.EXPECTATION, bytes, length);
      },
      traffic: () => {},
    };
    const { yieldToLoop: turn } = this.runtime;
    this.beginDump();
    try {
      if (scope !== 'expectations') await readDump(dumpFlows(), sink, goOn, turn);
      if (this.concernsExpectations(scope)) await readDump(this.kernel.dumpExpectations(), sink, goOn, turn);
    } finally {
      this.endDump();
    }
  }

  private passesInDump(bytes: Uint8Array, length: number): boolean {
    return this.passes(Change.UPDATE, bytes, length) && !this.ended[Item.FLOW].has(bytes, length);
  }

  private expectationPassesInDump(bytes: Uint8Array, length: number): boolean {
    return !this.ended[Item.EXPECTATION].has(bytes, length) && this.passesExpectation(bytes, length);
  }

  /** From here to {@link endDump} it is known what ended meanwhile, and {@link endedFlows} tells. They may overlap. */
  beginDump(): void {
    for (const ended of this.ended) ended.beginDump();
  }

  endDump(): void {
    for (const ended of this.ended) ended.endDump();
  }

  /** The flows whose end was told of, and no life since, while the kernel's table is being dumped. */
  get endedFlows(): RecordTable {
    return this.ended[Item.FLOW].table;
  }

  private noteForDumps(item: Item, change: Change, bytes: Uint8Array, length: number): void {
    const ended = this.ended[item];
    if (!ended.watching) return;
    if (change === Change.DESTROY) ended.ended(bytes, length);
    else ended.lives(bytes, length);
  }

  private eventSink(): KernelSink {
    const { counters } = this;
    const into = this.bypass ?? this.replica;
    // The C node counts the traffic of those flows only that it knows.
    let known = false;
    return {
      flow: (change, origin, bytes, length) => {
        counters.eventsReceived++;
        this.noteForDumps(Item.FLOW, change, bytes, length);
        known = this.passes(change, bytes, length);
        if (!known) counters.eventsFiltered++;
        else known = into.kernelChange(Item.FLOW, change, origin, bytes, length, this.readAt);
      },
      expectation: (change, origin, bytes, length) => {
        counters.eventsReceived++;
        this.noteForDumps(Item.EXPECTATION, change, bytes, length);
        // When it ends, its master may be forgotten already: what we know of must not stay for that.
        const wanted = this.passesExpectation(bytes, length) || (change === Change.DESTROY && !this.bypass);
        if (!wanted) counters.eventsFiltered++;
        else into.kernelChange(Item.EXPECTATION, change, origin, bytes, length, this.readAt);
      },
      traffic: (originalPackets, originalBytes, replyPackets, replyBytes) => {
        if (!known) return;
        counters.trafficPackets += originalPackets + replyPackets;
        counters.trafficBytes += originalBytes + replyBytes;
      },
    };
  }

  private resyncAfterOverrun(): void {
    this.counters.kernelResyncs++;
    void this.audit.run();
  }

  /** Takes the kernel's table anew, sends it, and ends what the kernel does not have: events were lost, or none are read. */
  private async auditKernel(): Promise<void> {
    if (this.closed) return;
    this.beginDump();
    try {
      await this.auditRecords(Item.FLOW, (bytes, length) => this.passesInDump(bytes, length));
      if (this.concernsExpectations('all'))
        await this.auditRecords(Item.EXPECTATION, (bytes, length) =>
          this.expectationPassesInDump(bytes, length),
        );
    } catch (error) {
      this.kernelFailed("resync with the kernel's table", error);
    } finally {
      this.endDump();
    }
    this.scheduleTransmit();
  }

  private async auditRecords(item: Item, test: AuditTest): Promise<void> {
    const audit = auditReplica(this.kernel, this.replica, item, test, this.runtime.now);
    try {
      while (!this.closed && !audit.step()) {
        this.scheduleTransmit();
        await this.runtime.yieldToLoop();
      }
    } finally {
      audit.close();
    }
  }

  /** Sends all of the kernel's table, where there is no internal cache. */
  private async sendKernel(): Promise<void> {
    const { bypass } = this;
    if (this.closed || !bypass) return;
    const { now } = this.runtime;
    try {
      await this.readKernel('all', (item, bytes, length) => bypass.sendDumped(item, bytes, length, now()));
    } catch (error) {
      this.kernelFailed('bulk', error);
    }
    this.scheduleTransmit();
  }

  private kernelFailed(what: string, error: unknown): void {
    if (!(error instanceof KernelError)) throw error;
    this.log.error(`${what}: ${error.message}`);
  }

  private transmit(): void {
    this.transmitScheduled = false;
    if (this.closed || this.links.congested) return;
    this.collector.setLimit(this.links.payloadLimit);
    const result = this.engine.pollTransmit(this.collector, this.runtime.now(), TRANSMIT_BUDGET);
    this.collector.flush();
    this.links.flush();
    this.reportEvents();
    if (result === Transmission.MORE) this.scheduleTransmit();
    if (this.engine.pollTimeout() < this.timeoutAt) this.armTimer();
  }

  private armTimer(): void {
    const { runtime } = this;
    this.cancelTimeout?.();
    const now = runtime.now();
    this.timeoutAt = Math.min(now + HEARTBEAT_MS, this.engine.pollTimeout());
    this.cancelTimeout = runtime.after(Math.max(0, this.timeoutAt - now), () => this.timeout());
  }

  private timeout(): void {
    const now = this.runtime.now();
    this.external.expire(secondsOf(now));
    if (now >= this.engine.pollTimeout()) {
      this.engine.handleTimeout(now);
      this.scheduleTransmit();
    }
    this.armTimer();
  }

  private reportEvents(): void {
    for (const fact of this.engine.pollEvents()) {
      switch (fact.kind) {
        case 'resync-requested-by-peer':
          this.log.notice('resync requested by other node');
          break;
        case 'resync-requested':
          this.log.notice('resync requested');
          break;
        case 'bulk-update':
          this.counters.bulks++;
          this.log.notice('sending bulk update');
          break;
        case 'bulk-from-kernel':
          void this.bulk.run();
          break;
        case 'peer-adopted':
          this.log.notice('the other node began anew without saying so: taking its messages from here on');
          break;
      }
    }
  }
}

function externalSide(kernel: Kernel, options: SyncNodeOptions, { now }: Runtime): ExternalSide {
  const { hashLimit, hashSeed, fastPaths = true } = options;
  if (options.disableExternalCache) {
    const injection = new Injection(kernel, {
      liberal: !options.tcpWindowTracking,
      fallbackTimeout: FALLBACK_TIMEOUT_S,
      fastPaths,
    });
    return directInjection(injection);
  }
  if (options.mode === 'alarm') {
    return expiringCaches(hashLimit, hashSeed, options.cacheTimeout, secondsOf(now()), fastPaths);
  }
  return lastingCaches(hashLimit, hashSeed, fastPaths);
}
