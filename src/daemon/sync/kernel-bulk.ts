import { Item } from '../../flow/item.ts';
import type { InternalBypass } from '../../sync/internal/internal-bypass.ts';
import { logKernelFailure } from '../common/kernel-failure.ts';
import type { Runtime } from '../common/runtime.ts';
import type { Log } from '../process/log.ts';
import type { TableReader } from './table-reader.ts';
import type { Transmitter } from './transmitter.ts';

/** Sends all of the kernel's table, where there is no internal cache to send (DisableInternalCache). */
export class KernelBulk {
  private readonly bypass: InternalBypass;
  private readonly reader: TableReader;
  private readonly transmitter: Transmitter;
  private readonly log: Log;
  private readonly runtime: Runtime;
  private closed = false;

  constructor(
    bypass: InternalBypass,
    reader: TableReader,
    transmitter: Transmitter,
    log: Log,
    runtime: Runtime,
  ) {
    this.bypass = bypass;
    this.reader = reader;
    this.transmitter = transmitter;
    this.log = log;
    this.runtime = runtime;
  }

  /** Gives up what is under way. */
  close(): void {
    this.closed = true;
  }

  async send(): Promise<void> {
    if (this.closed) return;
    const { bypass } = this;
    const { now } = this.runtime;
    let records = 0;
    let isWhole = false;
    try {
      await this.reader.read(
        'all',
        (item, bytes, length) => {
          (item === Item.FLOW ? bypass.flows : bypass.expectations).sendDumped(bytes, length, now());
          records++;
        },
        () => !this.closed,
      );
      isWhole = !this.closed;
    } catch (error) {
      logKernelFailure(this.log, 'bulk', error);
    }
    bypass.noteBulkEnd(records, isWhole);
    this.transmitter.schedule();
  }
}
