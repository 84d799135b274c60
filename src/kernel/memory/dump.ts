import { Change, Origin } from '../../flow/change.ts';
import type { Dump, KernelSink } from '../kernel.ts';

const DUMP_STEP = 64;

/** Dumps a snapshot of the records, a few per read. */
export class MemoryDump implements Dump {
  readonly interrupted = false;
  private readonly what: 'flow' | 'expectation';
  private records: readonly Uint8Array[];
  private at = 0;

  constructor(what: 'flow' | 'expectation', records: readonly Uint8Array[]) {
    this.what = what;
    this.records = records;
  }

  step(sink: KernelSink): boolean {
    for (let n = 0; n < DUMP_STEP && this.at < this.records.length; n++) {
      const record = this.records[this.at++]!;
      sink[this.what](Change.UPDATE, Origin.OTHER, record, record.length);
    }
    return this.at >= this.records.length;
  }

  close(): void {
    this.records = [];
  }
}
