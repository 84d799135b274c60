import type { RecheckStatistics } from '../../../control/snapshot.ts';
import type { Kernel } from '../../../kernel/kernel.ts';
import type { AuditedRecords, InternalSide } from '../../../sync/internal/internal-records.ts';
import { logKernelFailure } from '../../common/kernel-failure.ts';
import type { Runtime } from '../../common/runtime.ts';
import type { Log } from '../../process/log.ts';
import type { EndedDuringDumps } from '../ended-during-dumps.ts';
import { auditRecords } from '../kernel-audit.ts';
import { includesExpectations } from '../scope.ts';
import type { TableReader } from '../table-reader.ts';
import type { Transmitter } from '../transmitter.ts';

export interface RecheckOptions {
  readonly expectationSync: boolean | readonly string[];
}

type Counters = { -readonly [Name in keyof RecheckStatistics]-?: number };

/**
 * Compares the internal side with the kernel's table, slowly, and has it correct what no event reported. What both agree on is
 * not sent.
 */
export class Recheck {
  readonly counters: Counters = { comparisons: 0, changed: 0, gone: 0, shifted: 0 };
  private readonly kernel: Kernel;
  private readonly internal: InternalSide<AuditedRecords>;
  private readonly reader: TableReader;
  private readonly ended: EndedDuringDumps;
  private readonly transmitter: Transmitter;
  private readonly log: Log;
  private readonly options: RecheckOptions;
  private readonly runtime: Runtime;
  /** Commands under way that change the table without events. */
  private suspensions = 0;
  /** Counts the suspensions so far: a recheck during which one began gives up. */
  private suspended = 0;
  /** Settled where nothing compares with the kernel: two dumps at once would not know which events came during theirs. */
  private underWay: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(
    kernel: Kernel,
    internal: InternalSide<AuditedRecords>,
    reader: TableReader,
    ended: EndedDuringDumps,
    transmitter: Transmitter,
    log: Log,
    options: RecheckOptions,
    runtime: Runtime,
  ) {
    this.kernel = kernel;
    this.internal = internal;
    this.reader = reader;
    this.ended = ended;
    this.transmitter = transmitter;
    this.log = log;
    this.options = options;
    this.runtime = runtime;
  }

  close(): void {
    this.closed = true;
  }

  /** Gives up a recheck that is under way, and begins none before {@link resume}. Calls nest. */
  suspend(): void {
    this.suspensions++;
    this.suspended++;
  }

  resume(): void {
    this.suspensions--;
  }

  /** Compares once, unless suspended. Does not reject. @param pauseMs pause after each read of the dump, of some hundred entries */
  run(pauseMs: number): Promise<void> {
    return this.queue(() => this.compareAll(pauseMs));
  }

  /** Takes what the kernel says of flows whose sequence numbers are shifted, unless suspended: no event reports that. */
  readShifted(): Promise<void> {
    return this.queue(async () => {
      if (this.suspensions > 0 || this.closed) return;
      const { kernel, reader, runtime, counters, suspended } = this;
      const { flows } = this.internal;
      flows.cache.beginAudit();
      try {
        await reader.read(
          'flows',
          (_item, bytes, length) => {
            if (flows.reconcileShifted(bytes, length, runtime.now())) counters.shifted++;
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

  private async compareAll(pauseMs: number): Promise<void> {
    if (this.suspensions > 0 || this.closed) return;
    this.counters.comparisons++;
    const { suspended } = this;
    const isWanted = (): boolean => !this.closed && suspended === this.suspended;
    const before = { ...this.counters };
    this.ended.beginDump();
    try {
      const { flows, expectations } = this.internal;
      await this.compare(flows, pauseMs, isWanted);
      if (includesExpectations('all', this.options)) await this.compare(expectations, pauseMs, isWanted);
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

  private async compare(records: AuditedRecords, pauseMs: number, isWanted: () => boolean): Promise<void> {
    const { reader, counters, runtime } = this;
    const audit = auditRecords(
      this.kernel,
      records,
      (bytes, length) => reader.accepts(records.item, bytes, length),
      (bytes, length) => {
        if (records.reconcile(bytes, length, runtime.now())) counters.changed++;
      },
      (slot) => {
        if (records.handleGone(slot)) counters.gone++;
      },
    );
    try {
      while (isWanted() && !audit.step()) {
        this.transmitter.schedule();
        await runtime.sleep(pauseMs);
      }
    } finally {
      audit.close();
    }
    if (isWanted()) records.handleTableRead();
    this.transmitter.schedule();
  }
}
