import type { Accounting } from '../../flow/accounting.ts';
import { Change } from '../../flow/change.ts';
import type { Flow } from '../../flow/flow.ts';
import { accountedFlowText } from '../../flow/text.ts';
import { FLOW_KIND } from '../../kernel/apply/record-kind.ts';
import type { Kernel, KernelSink } from '../../kernel/kernel.ts';
import { type FilterRules, FlowFilter } from '../../sync/flow-filter.ts';
import { EndedRecords } from '../../table/ended-records.ts';
import { FlowKeyer } from '../../table/key.ts';
import { secondsOf } from '../../table/seconds.ts';
import { StatsCache } from '../../table/stats-cache.ts';
import { RECORD_MAX } from '../../wire/attribute.ts';
import { decodeFlow } from '../../wire/decode.ts';
import { CoalescedTask } from '../common/coalesced-task.ts';
import { EventReader, type EventReaderOptions } from '../common/event-reader.ts';
import { logKernelFailure } from '../common/kernel-failure.ts';
import { KernelFlush } from '../common/kernel-flush.ts';
import { noteEventForDumps, readDump } from '../common/kernel-reader.ts';
import { RecheckSchedule } from '../common/recheck-schedule.ts';
import { type Cancel, PROCESS_RUNTIME, type Runtime } from '../common/runtime.ts';
import { TableAudit } from '../common/table-audit.ts';
import type { Log } from '../process/log.ts';

export interface StatsNodeOptions extends EventReaderOptions {
  readonly hashLimit: number;
  readonly filter: FilterRules | undefined;
  /** Seconds from one dump of the kernel's table to the next, instead of events; undefined: events. */
  readonly pollSeconds: number | undefined;
  /** Makes the cache's hashes differ from process to process. */
  readonly hashSeed: number;
  /** As in `SyncNodeOptions`. */
  readonly fastPaths?: boolean;
}

export interface StatsCounters {
  eventsReceived: number;
  eventsFiltered: number;
  kernelFlushes: number;
  kernelResyncs: number;
  /** Traffic of the flows that ended and were known, where the kernel counts it. */
  trafficBytes: number;
  trafficPackets: number;
}

/** Takes the ended flows as text; `now` is in milliseconds since 1970. */
export interface EndedFlows {
  readonly wanted: boolean;
  add(now: number, text: string): void;
}

type MutableAccounting = { -readonly [Part in keyof Accounting]: Accounting[Part] };

/** How long a flow has lived that began at `start`, 0 if that is not known; both in seconds since 1970. */
export function lifeTime(start: number, end: number): Pick<Accounting, 'duration'> {
  return start === 0 ? {} : { duration: Math.max(0, end - start) };
}

/**
 * A node that keeps statistics: it follows our own kernel's flows, adds up the traffic of those that ended, and logs them.
 * It knows nothing of the process around it: the time, too, comes from the runtime.
 */
export class StatsNode {
  readonly cache: StatsCache;
  readonly runtime: Runtime;
  readonly reader: EventReader;
  readonly counters: StatsCounters = {
    eventsReceived: 0,
    eventsFiltered: 0,
    kernelFlushes: 0,
    kernelResyncs: 0,
    trafficBytes: 0,
    trafficPackets: 0,
  };
  private readonly kernel: Kernel;
  private readonly log: Log;
  private readonly ended: EndedFlows;
  /** The flows that ended while a dump is under way. */
  private readonly endedMeanwhile: EndedRecords;
  private readonly options: StatsNodeOptions;
  private readonly filter: FlowFilter | undefined;
  /** The record of a flow that ended, until its counters and times have been read, which follow it. */
  private readonly last = new Uint8Array(RECORD_MAX);
  private lastLength = 0;
  private isLastKnown = false;
  private accounting: MutableAccounting = {};
  private cancelPolls: Cancel | undefined;
  private readonly audits = new CoalescedTask(() => this.audit());
  private readonly rechecks: RecheckSchedule;
  private flushing = false;
  private started = false;
  private closed = false;

  constructor(
    kernel: Kernel,
    log: Log,
    ended: EndedFlows,
    options: StatsNodeOptions,
    runtime: Runtime = PROCESS_RUNTIME,
  ) {
    this.kernel = kernel;
    this.log = log;
    this.ended = ended;
    this.options = options;
    this.runtime = runtime;
    this.filter = options.filter && new FlowFilter(options.filter);
    const { hashLimit, hashSeed, fastPaths = true } = options;
    this.endedMeanwhile = new EndedRecords(new FlowKeyer(hashSeed), hashLimit, fastPaths);
    this.cache = new StatsCache(new FlowKeyer(hashSeed), hashLimit, fastPaths);
    this.rechecks = new RecheckSchedule(runtime, options.overrunResync, () => this.audits.run());
    const hooks = {
      eventsReceived: () => this.counters.eventsReceived,
      afterRead: () => this.logLast(),
      overrun: () => this.rechecks.noteOverrun(),
      resync: () => {
        this.counters.kernelResyncs++;
        void this.audits.run();
      },
    };
    this.reader = new EventReader(kernel, this.eventSink(), log, options, hooks, runtime);
  }

  /**
   * Reads the kernel's table, then follows its events.
   * @throws KernelError
   */
  async start(): Promise<void> {
    const { pollSeconds } = this.options;
    if (pollSeconds === undefined) this.reader.start();
    else this.cancelPolls = this.runtime.every(pollSeconds * 1000, () => void this.audits.run());
    this.started = true;
    await this.populate();
    if (pollSeconds === undefined && !this.closed) this.rechecks.start();
  }

  /** Reads the events that still wait, at most as many as in one turn, and ends. */
  close(): void {
    if (this.closed) return;
    if (this.started && this.options.pollSeconds === undefined) this.reader.readSome();
    this.closed = true;
    this.reader.close();
    this.cancelPolls?.();
    this.rechecks.close();
  }

  /** `-f`, `-f internal`: forgets all flows without logging them. */
  flush(): void {
    this.log.notice('flushing caches', { event: 'caches_flushed' });
    this.cache.flush();
  }

  /** `-R`: reads the kernel's table again. */
  async resyncWithKernel(): Promise<void> {
    this.counters.kernelResyncs++;
    this.log.notice('resync with master conntrack table', { event: 'kernel_resync' });
    try {
      await this.populate();
    } catch (error) {
      logKernelFailure(this.log, 'resync with master conntrack table', error);
    }
  }

  /** `-F`: removes from the kernel what the filter does not spare. */
  async flushKernel(): Promise<void> {
    this.counters.kernelFlushes++;
    this.log.notice('flushing kernel conntrack table', { event: 'kernel_flush' });
    if (this.flushing) return;
    this.flushing = true;
    let flush: KernelFlush | undefined;
    try {
      flush = new KernelFlush(this.kernel, (bytes, length) => this.passes(Change.UPDATE, bytes, length));
      while (!this.closed && !flush.step()) await this.runtime.yieldToLoop();
    } catch (error) {
      logKernelFailure(this.log, "flush of the kernel's table", error);
    } finally {
      flush?.close();
      this.flushing = false;
    }
  }

  private eventSink(): KernelSink {
    const { cache, counters } = this;
    return {
      flow: (change, _origin, bytes, length) => {
        this.logLast();
        counters.eventsReceived++;
        this.isLastKnown = false;
        noteEventForDumps(this.endedMeanwhile, change, bytes, length);
        if (!this.passes(change, bytes, length)) counters.eventsFiltered++;
        else if (change === Change.NEW) cache.new(bytes, length, secondsOf(this.runtime.now()));
        else if (change === Change.UPDATE) cache.update(bytes, length, secondsOf(this.runtime.now()));
        else if (cache.destroy(bytes, length)) this.rememberLast(bytes, length);
      },
      expectation: () => {},
      traffic: (originalPackets, originalBytes, replyPackets, replyBytes) => {
        if (!this.isLastKnown) return;
        counters.trafficPackets += originalPackets + replyPackets;
        counters.trafficBytes += originalBytes + replyBytes;
        this.accounting.original = { packets: originalPackets, bytes: originalBytes };
        this.accounting.reply = { packets: replyPackets, bytes: replyBytes };
      },
      times: (start, stop) => {
        if (this.isLastKnown)
          Object.assign(this.accounting, lifeTime(start, stop || this.runtime.wallSeconds()));
      },
    };
  }

  /** Puts what a dump shows into the cache. */
  private dumpSink(): KernelSink {
    const { cache } = this;
    let slot = -1;
    return {
      flow: (_change, _origin, bytes, length) => {
        slot = -1;
        if (this.endedMeanwhile.has(bytes, length)) return;
        if (this.passes(Change.UPDATE, bytes, length))
          slot = cache.update(bytes, length, secondsOf(this.runtime.now()));
      },
      expectation: () => {},
      traffic: () => {},
      times: (start) => {
        if (slot >= 0) cache.setStart(slot, start);
      },
    };
  }

  private passes(change: Change, bytes: Uint8Array, length: number): boolean {
    return this.filter === undefined || this.filter.accepts(bytes, 0, length, change === Change.DESTROY);
  }

  /** Remembers the flow until its counters have been read, which follow it. */
  private rememberLast(bytes: Uint8Array, length: number): void {
    this.isLastKnown = true;
    if (!this.ended.wanted) return;
    for (let n = 0; n < length; n++) this.last[n] = bytes[n]!;
    this.lastLength = length;
    this.accounting = {};
  }

  private logLast(): void {
    if (this.lastLength === 0) return;
    const flow = decodeFlow(this.last, 0, this.lastLength);
    this.lastLength = 0;
    this.logEnded(flow, this.accounting);
  }

  private async populate(): Promise<void> {
    this.endedMeanwhile.beginDump();
    try {
      await readDump(this.kernel.dumpFlows(), this.dumpSink(), () => !this.closed, this.runtime.yieldToLoop);
    } finally {
      this.endedMeanwhile.endDump();
    }
  }

  /** Reads the kernel's table again; what the kernel no longer has has ended. */
  private async audit(): Promise<void> {
    let audit: TableAudit | undefined;
    this.endedMeanwhile.beginDump();
    try {
      audit = new TableAudit(this.kernel, FLOW_KIND, this.cache, this.dumpSink(), (slot) => this.purge(slot));
      while (!this.closed && !audit.step()) await this.runtime.yieldToLoop();
    } catch (error) {
      logKernelFailure(this.log, "resync with the kernel's table", error);
    } finally {
      audit?.close();
      this.endedMeanwhile.endDump();
    }
  }

  /** Logs and forgets a flow that ended without an event: its traffic is not known. */
  private purge(slot: number): void {
    const { cache } = this;
    const { table } = cache;
    if (this.ended.wanted) {
      const at = table.offsetOf(slot);
      const flow = decodeFlow(table.bytesOf(slot), at, at + table.sizeOf(slot));
      this.logEnded(flow, lifeTime(cache.startOf(slot), this.runtime.wallSeconds()));
    }
    cache.remove(slot);
  }

  private logEnded(flow: Flow, accounting: Accounting): void {
    this.ended.add(1000 * this.runtime.wallSeconds(), accountedFlowText(flow, accounting));
  }
}
