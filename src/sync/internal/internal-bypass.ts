import { Change, Origin } from '../../flow/change.ts';
import type { Collector } from '../../wire/collector.ts';
import { MessageType } from '../../wire/header.ts';
import type { NoTrack } from '../notrack/notrack.ts';
import type { InternalRecords, InternalSide } from './internal-records.ts';

export interface BypassCounters {
  created: number;
  updated: number;
  destroyed: number;
}

/** The flows, or the expectations, of a node without internal caches. */
export class BypassedRecords implements InternalRecords {
  readonly keepsRecords = false;
  readonly counters: BypassCounters = { created: 0, updated: 0, destroyed: 0 };
  private readonly newType: MessageType;
  private readonly engine: NoTrack;
  private readonly out: Collector;

  /** @param newType the type of messages about what is new; those about updates and ends follow it */
  constructor(newType: MessageType, engine: NoTrack, out: Collector) {
    this.newType = newType;
    this.engine = engine;
    this.out = out;
  }

  /** What we caused ourselves is not sent. Returns true, because every record counts as known. */
  handleKernelChange(
    change: Change,
    origin: Origin,
    bytes: Uint8Array,
    length: number,
    now: number,
  ): boolean {
    if (origin !== Origin.OTHER) return true;
    const { counters } = this;
    if (change === Change.NEW) counters.created++;
    else if (change === Change.UPDATE) counters.updated++;
    else counters.destroyed++;
    this.engine.sendRecordNow(this.out, this.newType + change, bytes, length, now);
    return true;
  }

  /** Sends an entry of a dump of our kernel's table, the record `bytes[0, length)`. */
  sendDumped(bytes: Uint8Array, length: number, now: number): void {
    this.engine.sendRecordNow(this.out, this.newType, bytes, length, now);
  }
}

/**
 * Replaces the internal caches where DisableInternalCache is set: changes of our kernel's table are sent at once.
 * `-s` calls it "internal bypass", as C does.
 */
export class InternalBypass implements InternalSide<BypassedRecords> {
  readonly flows: BypassedRecords;
  readonly expectations: BypassedRecords;
  private readonly engine: NoTrack;

  constructor(engine: NoTrack, out: Collector) {
    this.flows = new BypassedRecords(MessageType.CT_NEW, engine, out);
    this.expectations = new BypassedRecords(MessageType.EXP_NEW, engine, out);
    this.engine = engine;
  }

  /** So many entries of a dump were sent, which was the whole of it or not. */
  noteBulkEnd(records: number, isWhole: boolean): void {
    this.engine.noteKernelBulkEnd(records, isWhole);
  }
}
