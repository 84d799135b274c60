import { Item } from '../../flow/item.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { AuditedRecords, InternalSide } from '../../sync/internal/internal-records.ts';
import { CoalescedTask } from '../common/coalesced-task.ts';
import { logKernelFailure } from '../common/kernel-failure.ts';
import type { Runtime } from '../common/runtime.ts';
import type { Log } from '../process/log.ts';
import type { EndedDuringDumps } from './ended-during-dumps.ts';
import { resendRecords } from './kernel-audit.ts';
import type { Recheck } from './recheck/recheck.ts';
import { includesExpectations, type Scope } from './scope.ts';
import type { TableReader } from './table-reader.ts';
import type { Transmitter } from './transmitter.ts';

/** Brings the internal side in line with the kernel's table: at start, on request, and after events were lost. */
export class TableResync {
  private readonly kernel: Kernel;
  private readonly internal: InternalSide<AuditedRecords>;
  private readonly reader: TableReader;
  private readonly ended: EndedDuringDumps;
  private readonly transmitter: Transmitter;
  private readonly log: Log;
  private readonly options: { readonly expectationSync: boolean | readonly string[] };
  private readonly runtime: Runtime;
  private readonly recheck: Recheck | undefined;
  private readonly auditTask = new CoalescedTask(() => this.audit());
  private closed = false;

  constructor(
    kernel: Kernel,
    internal: InternalSide<AuditedRecords>,
    reader: TableReader,
    ended: EndedDuringDumps,
    transmitter: Transmitter,
    log: Log,
    options: { readonly expectationSync: boolean | readonly string[] },
    runtime: Runtime,
    recheck: Recheck | undefined,
  ) {
    this.kernel = kernel;
    this.internal = internal;
    this.reader = reader;
    this.ended = ended;
    this.transmitter = transmitter;
    this.log = log;
    this.options = options;
    this.runtime = runtime;
    this.recheck = recheck;
  }

  /** Gives up what is under way. */
  close(): void {
    this.closed = true;
  }

  /**
   * Reads the kernel's table into the internal cache; nothing is sent.
   * @throws KernelError
   */
  async populate(scope: Scope): Promise<void> {
    const { flows, expectations } = this.internal;
    const { now } = this.runtime;
    this.recheck?.suspend();
    flows.cache.beginAudit();
    expectations.cache.beginAudit();
    try {
      await this.reader.read(
        scope,
        (item, bytes, length) => (item === Item.FLOW ? flows : expectations).populate(bytes, length, now()),
        () => !this.closed,
      );
    } finally {
      this.recheck?.resume();
    }
    if (this.closed) return;
    if (scope !== 'expectations') flows.handleTableRead();
    if (includesExpectations(scope, this.options)) expectations.handleTableRead();
  }

  /**
   * Starts to read the kernel's table again and to send all of it; what the kernel no longer has is removed from the internal
   * cache and sent as DESTROY. Needed where events were lost, or none are read. Audits run one at a time.
   */
  requestAudit(): void {
    void this.auditTask.run();
  }

  private async audit(): Promise<void> {
    if (this.closed) return;
    // Its dump is older, and would show flows that have ended since then to be alive.
    this.recheck?.suspend();
    this.ended.beginDump();
    try {
      await this.resend(this.internal.flows);
      if (includesExpectations('all', this.options)) await this.resend(this.internal.expectations);
    } catch (error) {
      logKernelFailure(this.log, "resync with the kernel's table", error);
    } finally {
      this.ended.endDump();
      this.recheck?.resume();
    }
    this.transmitter.schedule();
  }

  private async resend(records: AuditedRecords): Promise<void> {
    const accepts = (bytes: Uint8Array, length: number): boolean =>
      this.reader.accepts(records.item, bytes, length);
    const audit = resendRecords(this.kernel, records, accepts, this.runtime.now);
    try {
      while (!this.closed && !audit.step()) {
        this.transmitter.schedule();
        await this.runtime.yieldToLoop();
      }
    } finally {
      audit.close();
    }
    if (!this.closed) records.handleTableRead();
  }
}
