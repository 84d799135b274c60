import type { RecheckStatistics } from '../../../control/snapshot.ts';
import { Item } from '../../../flow/item.ts';
import { EXPECTATION_KIND, FLOW_KIND } from '../../../kernel/apply/record-kind.ts';
import type { Kernel, KernelSink } from '../../../kernel/kernel.ts';
import type { Replica } from '../../../sync/replica.ts';
import type { SharedFlows } from '../../../sync/several/shared-flows.ts';
import { logKernelFailure } from '../../common/kernel-failure.ts';
import { RecheckSchedule } from '../../common/recheck-schedule.ts';
import type { Runtime } from '../../common/runtime.ts';
import { TableAudit } from '../../common/table-audit.ts';
import type { Log } from '../../process/log.ts';
import type { EndedDuringDumps } from '../ended-during-dumps.ts';
import { includesExpectations } from '../scope.ts';
import type { TableReader } from '../table-reader.ts';
import type { Transmitter } from '../transmitter.ts';
import { LookSchedule } from './look-schedule.ts';

/** Pause after each read of the dump, of some hundred entries, in ms: a recheck is slow, and takes no time from events. */
const PAUSE_MS = 5;

export interface RecheckOptions {
  readonly expectationSync: boolean | readonly string[];
  /** What we injected makes no record of ours, so that an unknown flow of the kernel may be the peer's. */
  readonly disableExternalCache: boolean;
  /** Seconds from an overrun to the resync with the kernel's table; 0 or less: never. */
  readonly overrunResync: number;
}

type Counters = { -readonly [Name in keyof RecheckStatistics]-?: number };

/**
 * Compares the internal cache with the kernel's table now and then, slowly, and corrects what no event reported: sends what
 * is new or changed, and the ends of what is gone. What both agree on is not sent.
 */
export class Recheck {
  readonly counters: Counters = { comparisons: 0, changed: 0, gone: 0, shifted: 0 };
  readonly schedule: Pick<RecheckSchedule, 'start' | 'close' | 'noteOverrun'>;
  private readonly kernel: Kernel;
  private readonly replica: Replica;
  private readonly reader: TableReader;
  private readonly ended: EndedDuringDumps;
  private readonly transmitter: Transmitter;
  private readonly log: Log;
  private readonly options: RecheckOptions;
  private readonly runtime: Runtime;
  private readonly shared: SharedFlows | undefined;
  /** Commands under way that change the table without events. */
  private suspensions = 0;
  /** Counts the suspensions so far: a recheck during which one began gives up. */
  private suspended = 0;
  /** Settled where nothing compares with the kernel: two dumps at once would not know which events came during theirs. */
  private underWay: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(
    kernel: Kernel,
    replica: Replica,
    reader: TableReader,
    ended: EndedDuringDumps,
    transmitter: Transmitter,
    log: Log,
    options: RecheckOptions,
    runtime: Runtime,
    shared?: SharedFlows,
  ) {
    this.kernel = kernel;
    this.replica = replica;
    this.reader = reader;
    this.ended = ended;
    this.transmitter = transmitter;
    this.log = log;
    this.options = options;
    this.runtime = runtime;
    this.shared = shared;
    const recheck = (): Promise<void> => this.queue(() => this.run());
    this.schedule = shared
      ? new LookSchedule(runtime, recheck)
      : new RecheckSchedule(runtime, options.overrunResync, recheck);
  }

  close(): void {
    this.closed = true;
    this.schedule.close();
  }

  /** Gives up a recheck that is under way, and begins none before {@link resume}. Calls nest. */
  suspend(): void {
    this.suspensions++;
    this.suspended++;
  }

  resume(): void {
    this.suspensions--;
  }

  /** Takes what the kernel says of flows whose sequence numbers are shifted, unless suspended: no event reports that. */
  readShifted(): Promise<void> {
    return this.queue(async () => {
      if (this.suspensions > 0 || this.closed) return;
      const { kernel, reader, replica, runtime, options, counters, suspended } = this;
      replica.internal.flows.beginAudit();
      try {
        await reader.read(
          'flows',
          (item, bytes, length) => {
            if (replica.reconcile(item, bytes, length, options.disableExternalCache, runtime.now()))
              counters.shifted++;
          },
          () => !this.closed && suspended === this.suspended,
          () => kernel.dumpShiftedFlows(),
        );
      } catch (error) {
        logKernelFailure(this.log, 'reading flows with shifted sequence numbers', error);
      }
      this.transmitter.schedule();
    });
  }

  /** @param work does not reject */
  private queue(work: () => Promise<void>): Promise<void> {
    this.underWay = this.underWay.then(work);
    return this.underWay;
  }

  /** Compares once, unless suspended. */
  private async run(): Promise<void> {
    if (this.suspensions > 0 || this.closed) return;
    this.counters.comparisons++;
    const { suspended } = this;
    const isWanted = (): boolean => !this.closed && suspended === this.suspended;
    const before = { ...this.counters };
    this.ended.beginDump();
    try {
      await this.compare(Item.FLOW, isWanted);
      if (includesExpectations('all', this.options)) await this.compare(Item.EXPECTATION, isWanted);
    } catch (error) {
      logKernelFailure(this.log, "recheck of the kernel's table", error);
    } finally {
      this.ended.endDump();
    }
    const changed = this.counters.changed - before.changed;
    const gone = this.counters.gone - before.gone;
    if (changed + gone > 0) {
      this.log.notice(
        `recheck of the kernel's table: ${changed} entries had changed and ${gone} had ended without an event`,
        { event: 'recheck_found', changed, ended: gone },
      );
    }
  }

  private async compare(item: Item, isWanted: () => boolean): Promise<void> {
    const { replica, reader, counters, runtime } = this;
    const { disableExternalCache: onlyKnown } = this.options;
    const shared = item === Item.FLOW ? this.shared : undefined;
    const take: KernelSink['flow'] = (_change, _origin, bytes, length) => {
      if (!reader.accepts(item, bytes, length)) return;
      const isChanged = shared
        ? shared.handleDumped(bytes, length, runtime.now())
        : replica.reconcile(item, bytes, length, onlyKnown, runtime.now());
      if (isChanged) counters.changed++;
    };
    const isFlow = item === Item.FLOW;
    const cache = isFlow ? replica.internal.flows : replica.internal.expectations;
    const audit = new TableAudit(
      this.kernel,
      isFlow ? FLOW_KIND : EXPECTATION_KIND,
      cache,
      { flow: take, expectation: take, traffic: () => {} },
      (slot) => {
        if (shared ? shared.handleGone(slot) : replica.purge(item, slot)) counters.gone++;
      },
    );
    try {
      while (isWanted() && !audit.step()) {
        this.transmitter.schedule();
        await runtime.sleep(PAUSE_MS);
      }
    } finally {
      audit.close();
    }
    if (isWanted()) replica.engine.noteTableRead(item);
    this.transmitter.schedule();
  }
}
