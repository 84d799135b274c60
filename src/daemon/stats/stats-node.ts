import type { Accounting } from '../../flow/accounting.ts';
import { Change } from '../../flow/change.ts';
import { accountedFlowText } from '../../flow/text.ts';
import { type Kernel, KernelError, type KernelSink } from '../../kernel/kernel.ts';
import { FLOW_KIND } from '../../kernel/record-kind.ts';
import { type FilterRules, FlowFilter } from '../../sync/flow-filter.ts';
import { EndedRecords } from '../../table/ended-records.ts';
import { FlowKeyer } from '../../table/key.ts';
import { StatsCache } from '../../table/stats-cache.ts';
import { RECORD_MAX } from '../../wire/attribute.ts';
import { decodeFlow } from '../../wire/decode.ts';
import { CoalescedTask } from '../common/coalesced-task.ts';
import { EventReader, type EventReaderOptions } from '../common/event-reader.ts';
import { KernelFlush } from '../common/kernel-flush.ts';
import { readDump } from '../common/kernel-reader.ts';
import { type Cancel, PROCESS_RUNTIME } from '../common/runtime.ts';
import { TableAudit } from '../common/table-audit.ts';
import type { Log } from '../process/log.ts';

export interface StatsNodeOptions extends EventReaderOptions {
  readonly hashLimit: number;
  readonly filter: FilterRules | undefined;
  /** Seconds from one dump of the kernel's table to the next, in the place of events; undefined: events. */
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

/** Takes the ended flows; `now` is in milliseconds since 1970. */
export interface EndedFlows {
  readonly wanted: boolean;
  add(now: number, text: string): void;
}

type MutableAccounting = { -readonly [Part in keyof Accounting]: Accounting[Part] };

/** Whole seconds of a clock that only goes forward. */
export function monotonicSeconds(): number {
  return Math.floor(performance.now() / 1000);
}

/** How long a flow that began at `start` has lived at `end`, both in seconds since 1970. */
export function lifeTime(start: number, end: number): Pick<Accounting, 'duration'> {
  return start === 0 ? {} : { duration: Math.max(0, end - start) };
}

function unixSeconds(): number {
  return Math.floor(Date.now() / 1000);
}

/**
 * A node that keeps statistics: it follows our own kernel's flows, adds up what those that ended have carried, and has
 * them logged. It knows nothing of the process around it.
 */
export class StatsNode {
  readonly cache: StatsCache;
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
  /** What ended while a dump is under way. */
  private readonly endedMeanwhile: EndedRecords;
  private readonly options: StatsNodeOptions;
  private readonly filter: FlowFilter | undefined;
  /** The record of a flow that ended, until all that the kernel says of it has come. */
  private readonly last = new Uint8Array(RECORD_MAX);
  private lastLength = 0;
  private lastKnown = false;
  private accounting: MutableAccounting = {};
  private cancelPolls: Cancel | undefined;
  private readonly audits = new CoalescedTask(() => this.audit());
  private flushing = false;
  private started = false;
  private closed = false;

  constructor(kernel: Kernel, log: Log, ended: EndedFlows, options: StatsNodeOptions) {
    this.kernel = kernel;
    this.log = log;
    this.ended = ended;
    this.options = options;
    this.filter = options.filter && new FlowFilter(options.filter);
    const { hashLimit, hashSeed, fastPaths = true } = options;
    this.endedMeanwhile = new EndedRecords(new FlowKeyer(hashSeed), hashLimit, fastPaths);
    this.cache = new StatsCache(new FlowKeyer(hashSeed), hashLimit, fastPaths);
    const hooks = {
      received: () => this.counters.eventsReceived,
      read: () => this.tellLast(),
      resync: () => {
        this.counters.kernelResyncs++;
        void this.audits.run();
      },
    };
    this.reader = new EventReader(kernel, this.eventSink(), log, options, hooks, PROCESS_RUNTIME);
  }

  /**
   * Reads the kernel's table, then follows its events.
   * @throws KernelError
   */
  async start(): Promise<void> {
    const { pollSeconds } = this.options;
    if (pollSeconds === undefined) this.reader.start();
    else this.cancelPolls = PROCESS_RUNTIME.every(pollSeconds * 1000, () => void this.audits.run());
    this.started = true;
    await this.populate();
  }

  /** Takes the events that wait still, as many as in one turn, and ends. */
  close(): void {
    if (this.closed) return;
    if (this.started && this.options.pollSeconds === undefined) this.reader.readSome();
    this.closed = true;
    this.reader.close();
    this.cancelPolls?.();
  }

  /** `-f`, `-f internal`: forgets all flows; nothing is logged of them. */
  flush(): void {
    this.log.notice('flushing caches');
    this.cache.flush();
  }

  /** `-R`: reads the kernel's table again. */
  async resyncWithKernel(): Promise<void> {
    this.counters.kernelResyncs++;
    this.log.notice('resync with master conntrack table');
    try {
      await this.populate();
    } catch (error) {
      this.report('resync with master conntrack table', error);
    }
  }

  /** `-F`: removes from the kernel what the filter does not spare. */
  async flushKernel(): Promise<void> {
    this.counters.kernelFlushes++;
    this.log.notice('flushing kernel conntrack table');
    if (this.flushing) return;
    this.flushing = true;
    try {
      const flush = new KernelFlush(this.kernel, (bytes, length) =>
        this.passes(Change.UPDATE, bytes, length),
      );
      while (!this.closed && !flush.step()) await PROCESS_RUNTIME.yieldToLoop();
    } catch (error) {
      this.report("flush of the kernel's table", error);
    } finally {
      this.flushing = false;
    }
  }

  private eventSink(): KernelSink {
    const { cache, counters } = this;
    return {
      flow: (change, _origin, bytes, length) => {
        this.tellLast();
        counters.eventsReceived++;
        this.lastKnown = false;
        this.noteForDump(change, bytes, length);
        if (!this.passes(change, bytes, length)) counters.eventsFiltered++;
        else if (change === Change.NEW) cache.new(bytes, length, monotonicSeconds());
        else if (change === Change.UPDATE) cache.update(bytes, length, monotonicSeconds());
        else if (cache.destroy(bytes, length)) this.keepLast(bytes, length);
      },
      expectation: () => {},
      traffic: (originalPackets, originalBytes, replyPackets, replyBytes) => {
        if (!this.lastKnown) return;
        counters.trafficPackets += originalPackets + replyPackets;
        counters.trafficBytes += originalBytes + replyBytes;
        this.accounting.original = { packets: originalPackets, bytes: originalBytes };
        this.accounting.reply = { packets: replyPackets, bytes: replyBytes };
      },
      times: (start, stop) => {
        if (this.lastKnown) Object.assign(this.accounting, lifeTime(start, stop || unixSeconds()));
      },
    };
  }

  /** What a dump shows is put into the cache. */
  private dumpSink(): KernelSink {
    const { cache } = this;
    let slot = -1;
    return {
      flow: (_change, _origin, bytes, length) => {
        slot = -1;
        if (this.endedMeanwhile.has(bytes, length)) return;
        if (this.passes(Change.UPDATE, bytes, length)) slot = cache.update(bytes, length, monotonicSeconds());
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

  private noteForDump(change: Change, bytes: Uint8Array, length: number): void {
    const { endedMeanwhile } = this;
    if (!endedMeanwhile.watching) return;
    if (change === Change.DESTROY) endedMeanwhile.ended(bytes, length);
    else endedMeanwhile.lives(bytes, length);
  }

  /** What was counted of the flow comes behind it. */
  private keepLast(bytes: Uint8Array, length: number): void {
    this.lastKnown = true;
    if (!this.ended.wanted) return;
    for (let n = 0; n < length; n++) this.last[n] = bytes[n]!;
    this.lastLength = length;
    this.accounting = {};
  }

  private tellLast(): void {
    if (this.lastLength === 0) return;
    const flow = decodeFlow(this.last, 0, this.lastLength);
    this.lastLength = 0;
    this.ended.add(Date.now(), accountedFlowText(flow, this.accounting));
  }

  private async populate(): Promise<void> {
    this.endedMeanwhile.beginDump();
    try {
      await readDump(
        this.kernel.dumpFlows(),
        this.dumpSink(),
        () => !this.closed,
        PROCESS_RUNTIME.yieldToLoop,
      );
    } finally {
      this.endedMeanwhile.endDump();
    }
  }

  /** Takes the kernel's table anew, and takes for ended what the kernel does not have. */
  private async audit(): Promise<void> {
    let audit: TableAudit | undefined;
    this.endedMeanwhile.beginDump();
    try {
      audit = new TableAudit(this.kernel, FLOW_KIND, this.cache, this.dumpSink(), (slot) => this.purge(slot));
      while (!this.closed && !audit.step()) await PROCESS_RUNTIME.yieldToLoop();
    } catch (error) {
      this.report("resync with the kernel's table", error);
    } finally {
      audit?.close();
      this.endedMeanwhile.endDump();
    }
  }

  /** The flow ended, and no event told us: of what it carried nothing is known. */
  private purge(slot: number): void {
    const { cache } = this;
    const { table } = cache;
    if (this.ended.wanted) {
      const at = table.offsetOf(slot);
      const flow = decodeFlow(table.bytesOf(slot), at, at + table.sizeOf(slot));
      this.ended.add(Date.now(), accountedFlowText(flow, lifeTime(cache.startOf(slot), unixSeconds())));
    }
    cache.remove(slot);
  }

  private report(what: string, error: unknown): void {
    if (!(error instanceof KernelError)) throw error;
    this.log.error(`${what}: ${error.message}`);
  }
}
