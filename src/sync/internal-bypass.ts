import { Change, Origin } from '../flow/change.ts';
import { Item } from '../flow/item.ts';
import type { Collector } from '../wire/collector.ts';
import { MessageType } from '../wire/header.ts';
import type { NoTrack } from './notrack/notrack.ts';

export interface BypassCounters {
  created: number;
  updated: number;
  destroyed: number;
}

function noCounts(): BypassCounters {
  return { created: 0, updated: 0, destroyed: 0 };
}

/**
 * Replaces the internal caches where DisableInternalCache is set: changes of our kernel's table are sent at once.
 * `-s` calls it "internal bypass", as C does.
 */
export class InternalBypass {
  readonly flows: BypassCounters = noCounts();
  readonly expectations: BypassCounters = noCounts();
  private readonly engine: NoTrack;
  private readonly out: Collector;

  constructor(engine: NoTrack, out: Collector) {
    this.engine = engine;
    this.out = out;
  }

  /**
   * Takes a change of our kernel's table. The record is `bytes[0, length)`. What we caused ourselves is not sent.
   * Returns true, because every flow counts as known.
   */
  handleKernelChange(
    item: Item,
    change: Change,
    origin: Origin,
    bytes: Uint8Array,
    length: number,
    now: number,
  ): boolean {
    if (origin !== Origin.OTHER) return true;
    const counters = item === Item.FLOW ? this.flows : this.expectations;
    const first = item === Item.FLOW ? MessageType.CT_NEW : MessageType.EXP_NEW;
    if (change === Change.NEW) counters.created++;
    else if (change === Change.UPDATE) counters.updated++;
    else counters.destroyed++;
    this.engine.sendRecordNow(this.out, first + change, bytes, length, now);
    return true;
  }

  /** Sends an entry of a dump of our kernel's table. */
  sendDumped(item: Item, bytes: Uint8Array, length: number, now: number): void {
    const type = item === Item.FLOW ? MessageType.CT_NEW : MessageType.EXP_NEW;
    this.engine.sendRecordNow(this.out, type, bytes, length, now);
  }

  /** So many entries of a dump were sent, which was the whole of it or not. */
  noteBulkEnd(records: number, isWhole: boolean): void {
    this.engine.noteKernelBulkEnd(records, isWhole);
  }
}
