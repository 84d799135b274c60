import { Change } from '../../flow/change.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { Dialect, type DialectOptions, PLAIN_DIALECT } from '../../sync/dialect/dialect.ts';
import { LINKS_MAX, type SyncEngine } from '../../sync/engine.ts';
import { InternalBypass } from '../../sync/internal/internal-bypass.ts';
import type { AuditedRecords, InternalSide } from '../../sync/internal/internal-records.ts';
import { NoTrack } from '../../sync/notrack/notrack.ts';
import { Replica } from '../../sync/replica.ts';
import { SharedFlows } from '../../sync/several/shared-flows.ts';
import { internalCaches } from '../../table/caches.ts';
import type { InternalCache } from '../../table/internal-cache.ts';
import { secondsOf } from '../../table/seconds.ts';
import { CoalescedTask } from '../common/coalesced-task.ts';
import { EventReader, type EventReaderOptions } from '../common/event-reader.ts';
import { MalformedLog } from '../common/malformed-log.ts';
import { RecheckSchedule } from '../common/recheck-schedule.ts';
import { type Cancel, PROCESS_RUNTIME, type Runtime } from '../common/runtime.ts';
import type { Log } from '../process/log.ts';
import { EndedDuringDumps } from './ended-during-dumps.ts';
import { createEngine, type EngineOptions } from './engine.ts';
import { EngineEventLog } from './engine-event-log.ts';
import { type EventCounters, EventSink } from './event-sink.ts';
import {
  createExternalRecords,
  type ExternalRecords,
  type ExternalRecordsOptions,
} from './external-records.ts';
import { KernelBulk } from './kernel-bulk.ts';
import { LOOK_PAUSE_MS, LookSchedule } from './recheck/look-schedule.ts';
import { Recheck } from './recheck/recheck.ts';
import { ShiftedFlows } from './recheck/shifted-flows.ts';
import { ComparisonLog } from './reconcile/comparison-log.ts';
import { ConfirmedSinks } from './reconcile/confirmed-sinks.ts';
import { RecordFilter, type RecordFilterOptions } from './record-filter.ts';
import type { Scope } from './scope.ts';
import { sweepKernel } from './standby/kernel-sweep.ts';
import { Standby } from './standby/standby.ts';
import { TableReader } from './table-reader.ts';
import { TableResync } from './table-resync.ts';
import { type EngineEventHandler, type NodeLinks, Transmitter } from './transmitter.ts';

export interface SyncNodeOptions
  extends EngineOptions,
    EventReaderOptions,
    ExternalRecordsOptions,
    RecordFilterOptions {
  /** CommitTimeout in seconds; undefined: what is left of the peer's timeouts. */
  readonly commitTimeout: number | undefined;
  /** PurgeTimeout in seconds. */
  readonly purgeTimeout: number;
  /** Seconds from one dump of the kernel's table to the next, instead of events; undefined: events. */
  readonly pollSeconds: number | undefined;
  /** Seconds from one time that everything is asked for to the next; 0 or left out: only where there is a cause. */
  readonly resyncSeconds?: number;
  /** What is special about the peers; nothing where it is left out. */
  readonly peer?: DialectOptions;
}

export interface NodeCounters extends EventCounters {
  kernelFlushes: number;
  kernelResyncs: number;
  /** Entries that commits put into the kernel, and that they could not. */
  committed: number;
  commitFailed: number;
  /** How often the whole internal cache was sent. */
  bulks: number;
}

/**
 * A node that replicates: joins the kernel, the links and the timers to a {@link Replica}. It knows nothing of the process
 * around it (files, signals, the control socket); the commands of an operator are in `node-commands.ts`.
 *
 * Events go from the reader through the sink and the internal side into the engine, and the transmitter sends what the engine has.
 */
export class SyncNode {
  readonly kernel: Kernel;
  readonly log: Log;
  readonly options: SyncNodeOptions;
  readonly runtime: Runtime;
  readonly counters: NodeCounters = {
    eventsReceived: 0,
    eventsFiltered: 0,
    kernelFlushes: 0,
    kernelResyncs: 0,
    committed: 0,
    commitFailed: 0,
    bulks: 0,
    trafficBytes: 0,
    trafficPackets: 0,
  };
  readonly replica: Replica;
  readonly engine: SyncEngine;
  readonly dialect: Dialect;
  readonly external: ExternalRecords;
  /** Replaces the internal caches, with DisableInternalCache. */
  readonly bypass: InternalBypass | undefined;
  /** Keeps the internal caches in line with our kernel's table; undefined with DisableInternalCache. */
  readonly audited: InternalSide<AuditedRecords> | undefined;
  /** With DisableExternalCache, where the settings ask for it. */
  readonly standby: Standby | undefined;
  /** With DisableExternalCache, where several nodes forward at once. */
  readonly shared: SharedFlows | undefined;
  /** In FT-FW and NOTRACK with external caches. */
  readonly confirmed: ConfirmedSinks | undefined;
  readonly filter: RecordFilter;
  readonly ended: EndedDuringDumps;
  readonly reader: EventReader;
  readonly tableReader: TableReader;
  private readonly links: NodeLinks;
  private readonly transmitter: Transmitter;
  /** Undefined with DisableInternalCache. */
  readonly resync: TableResync | undefined;
  private readonly kernelBulk: KernelBulk | undefined;
  /** Undefined where there is no internal cache, and where the table is dumped regularly instead of events being read. */
  readonly recheck: Recheck | undefined;
  /** Rechecks of a cache that events keep in line. */
  private readonly rechecks: RecheckSchedule | undefined;
  /** Rechecks that show what no event tells. */
  private readonly looks: LookSchedule | undefined;
  private readonly shifted: ShiftedFlows | undefined;
  private readonly malformedLog: MalformedLog;
  private readonly comparisonLog: ComparisonLog;
  private cancelPolls: Cancel | undefined;
  private cancelResyncs: Cancel | undefined;
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
    const { counters } = this;
    const { hashLimit, hashSeed, fastPaths = true } = options;
    const internal = internalCaches(hashLimit, hashSeed, fastPaths);
    this.ended = new EndedDuringDumps(hashSeed, hashLimit, fastPaths);
    this.external = createExternalRecords(kernel, options, runtime.now());
    this.engine = createEngine(options, internal, runtime);
    this.dialect = new Dialect(options.peer ?? PLAIN_DIALECT);
    this.standby = this.createStandby(internal.flows);
    const { injection } = this.external;
    if (options.severalActive && injection)
      this.shared = new SharedFlows(internal.flows, this.engine, injection.flows, () => injection.flush());
    this.confirmed = this.createConfirmed();
    const flows = this.standby ?? this.shared;
    const sinks = flows ? { ...this.external.sinks, flows } : (this.confirmed ?? this.external.sinks);
    const ownsUnknown = !options.disableExternalCache;
    this.replica = new Replica(internal, sinks, this.engine, fastPaths, this.dialect, ownsUnknown);
    this.comparisonLog = new ComparisonLog(this.replica.comparisons, log);
    this.malformedLog = new MalformedLog(
      'peers',
      () => this.replica.takeMalformedReason(),
      log,
      () => runtime.now(),
    );
    this.filter = new RecordFilter(options, internal.flows, kernel);
    this.tableReader = new TableReader(
      kernel,
      this.filter,
      this.ended,
      options,
      runtime,
      (bytes, length) => this.standby?.isNotOurs(bytes, length) === true,
    );

    const bulk = new CoalescedTask(async () => this.kernelBulk?.send());
    const engineEvents = new EngineEventLog(
      log,
      counters,
      bulk,
      () => runtime.now(),
      (peer) => links.describeSender?.(peer % LINKS_MAX, Math.floor(peer / LINKS_MAX)),
    );
    const { standby } = this;
    const events: EngineEventHandler = {
      handle: (event) => {
        engineEvents.handle(event);
        standby?.handleEngineEvent(event);
        if (event.kind === 'resync-complete') this.takeAnswers();
      },
    };
    this.transmitter = new Transmitter(
      this.engine,
      links,
      standby ?? this.external,
      events,
      runtime,
      this.dialect,
    );
    const { transmitter } = this;
    let side: InternalSide;
    if (options.disableInternalCache && this.engine instanceof NoTrack) {
      side = this.bypass = new InternalBypass(this.engine, transmitter.collector);
      this.kernelBulk = new KernelBulk(this.bypass, this.tableReader, transmitter, log, runtime);
    } else {
      const { cached } = this.replica;
      const audited = { flows: this.shared ?? cached.flows, expectations: cached.expectations };
      side = this.audited = audited;
      const { tableReader, ended } = this;
      const compared = [kernel, audited, tableReader, ended, transmitter, log, options, runtime] as const;
      if (options.pollSeconds === undefined) {
        const recheck = new Recheck(...compared);
        this.recheck = recheck;
        this.shifted = new ShiftedFlows(runtime, () => recheck.readShifted());
        const run = (pauseMs: number): Promise<void> => recheck.run(pauseMs);
        if (this.shared) this.looks = new LookSchedule(runtime, () => run(LOOK_PAUSE_MS));
        else this.rechecks = new RecheckSchedule(runtime, options.overrunResync, run);
      }
      this.resync = new TableResync(...compared, this.recheck);
    }
    const sink = new EventSink(side, this.filter, this.ended, counters, standby, this.shifted);
    this.reader = new EventReader(
      kernel,
      sink,
      log,
      // Without an internal cache an overrun leaves nothing to bring back in line.
      this.bypass ? { ...options, overrunResync: -1 } : options,
      {
        eventsReceived: () => counters.eventsReceived,
        beforeRead: () => sink.beginRead(runtime.now()),
        afterRead: () => transmitter.transmit(),
        overrun: () => this.rechecks?.noteOverrun(),
        resync: () => {
          counters.kernelResyncs++;
          standby?.flows.noteEventsLost();
          this.resync?.requestAudit();
        },
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
    else if (this.audited)
      this.cancelPolls = this.runtime.every(pollSeconds * 1000, () => this.resync?.requestAudit());
    await this.populate('all');
    if (this.closed) return;
    if (startupResync) this.requestResync(false);
    this.transmitter.start();
    const { resyncSeconds = 0 } = this.options;
    if (resyncSeconds > 0 && (this.confirmed || this.shared))
      this.cancelResyncs = this.runtime.every(resyncSeconds * 1000, () => this.resyncRegularly());
    this.rechecks?.start();
    this.looks?.start();
  }

  close(): void {
    this.closed = true;
    this.reader.close();
    this.transmitter.close();
    this.resync?.close();
    this.kernelBulk?.close();
    this.recheck?.close();
    this.rechecks?.close();
    this.looks?.close();
    this.shifted?.close();
    this.cancelPolls?.();
    this.cancelResyncs?.();
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /** Takes the datagram `bytes[start, end)`. @param sender stands for its address on this link; 0 for the one peer of all links */
  handleDatagram(link: number, sender: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.closed) return;
    const peer = sender === 0 ? 0 : sender * LINKS_MAX + link;
    const now = this.runtime.now();
    if (this.replica.handleDatagram(peer, bytes, start, end, now)) {
      this.links.markCurrent(link);
      this.standby?.noteHeard(secondsOf(now));
    }
    this.malformedLog.note(this.replica.counters.malformed);
    if (this.dialect.takeRecognition()) this.adaptToOldPeer();
  }

  /** What both sides have until now is misunderstood: sends everything again, and asks for everything. */
  private adaptToOldPeer(): void {
    this.log.warning(
      `the peer's messages are those of conntrackd ${this.dialect.version!.name} or older: adapting to it; say so with version in [peer] of the settings file`,
      { event: 'peer_old', version: this.dialect.version!.name },
    );
    this.requestResync(false);
    this.engine.sendBulk();
    this.transmitter.schedule();
  }

  /**
   * Asks the peer for all that it has.
   * @param isCommanded whether an operator or a script asked
   */
  requestResync(isCommanded: boolean): void {
    if (this.standby) this.standby.beginResync(isCommanded, secondsOf(this.runtime.now()));
    else this.engine.requestResync();
  }

  private resyncRegularly(): void {
    this.requestResync(false);
    // A C node in NOTRACK neither notices what it lost of us nor asks for it.
    if (this.engine instanceof NoTrack) this.engine.sendBulk();
    this.transmitter.schedule();
  }

  /** Finishes what the datagrams asked for: every one that waited on a link has been given to {@link handleDatagram}. */
  handleDrained(): void {
    if (this.closed) return;
    for (const { text, subject } of this.external.applyPending()) {
      this.log.warning(text, { event: 'injection_failed', subject });
    }
    this.confirmed?.review();
    this.comparisonLog.review();
    this.transmitter.handleArrived();
  }

  /** Transmits what the engine may have to send, once everything that has arrived is handled. */
  scheduleTransmit(): void {
    this.transmitter.schedule();
  }

  /**
   * Reads the kernel's table into the internal cache, if there is one; nothing is sent.
   * @throws KernelError
   */
  async populate(scope: Scope): Promise<void> {
    await this.resync?.populate(scope);
  }

  /** Peers have sent all that they have. Where there is no external cache, that says nothing about flows that they do not have. */
  private takeAnswers(): void {
    if (this.confirmed) this.confirmed.dropDead(this.log);
    else this.engine.rounds?.takeAnswers();
  }

  private createConfirmed(): ConfirmedSinks | undefined {
    const { caches } = this.external;
    const { rounds } = this.engine;
    return caches && rounds && new ConfirmedSinks(caches, rounds);
  }

  private createStandby(internal: InternalCache): Standby | undefined {
    const { external, log, options, runtime, engine } = this;
    const { injection } = external;
    if (injection === undefined || options.standby?.keep !== true) return undefined;
    return new Standby(
      {
        kernel: injection.flows,
        log,
        isReliable: () => engine.isReliable,
        requestResync: () => {
          engine.requestResync();
          this.scheduleTransmit();
        },
        internal: internal.table,
        disown: (slot) => this.replica.cached.flows.disown(slot),
        flush: () => injection.flush(),
        sweep: (seconds) => void this.sweep(seconds),
      },
      options.standby,
      options,
      secondsOf(runtime.now()),
    );
  }

  private sweep(seconds: number): Promise<void> {
    const { kernel, filter, standby, log, runtime } = this;
    const { table } = this.replica.internal.flows;
    const beganHere = (bytes: Uint8Array, length: number): boolean => {
      const slot = table.find(bytes, 0, length);
      return slot >= 0 && table.createdAt(slot) > seconds;
    };
    const isStray = (bytes: Uint8Array, length: number): boolean =>
      filter.acceptsFlow(Change.UPDATE, bytes, length) &&
      standby?.has(bytes, length) === false &&
      !beganHere(bytes, length);
    const isWanted = (): boolean => !this.closed;
    return sweepKernel(kernel, isStray, standby?.flows.size ?? 0, log, runtime, isWanted);
  }
}
