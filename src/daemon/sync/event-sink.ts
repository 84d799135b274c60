import { Change, Origin } from '../../flow/change.ts';
import { Item } from '../../flow/item.ts';
import type { KernelSink } from '../../kernel/kernel.ts';
import type { InternalRecords, InternalSide } from '../../sync/internal/internal-records.ts';
import type { EndedDuringDumps } from './ended-during-dumps.ts';
import type { ShiftedFlows } from './recheck/shifted-flows.ts';
import type { RecordFilter } from './record-filter.ts';
import type { Standby } from './standby/standby.ts';

export interface EventCounters {
  eventsReceived: number;
  eventsFiltered: number;
  /** Traffic of the flows that ended, where the kernel counts it. */
  trafficBytes: number;
  trafficPackets: number;
}

/** Handles the kernel's events: counts and filters them, and passes them to the internal side. */
export class EventSink implements KernelSink {
  private readonly flows: InternalRecords;
  private readonly expectations: InternalRecords;
  private readonly filter: RecordFilter;
  private readonly ended: EndedDuringDumps;
  private readonly counters: EventCounters;
  private readonly standby: Standby | undefined;
  private readonly shifted: ShiftedFlows | undefined;
  /** Start of the current event read, in ms. */
  private readStartMs = 0;
  /** Whether the last flow was known: the C node counts the traffic of no other flow. */
  private isLastKnown = false;

  constructor(
    { flows, expectations }: InternalSide,
    filter: RecordFilter,
    ended: EndedDuringDumps,
    counters: EventCounters,
    standby?: Standby,
    shifted?: ShiftedFlows,
  ) {
    this.flows = flows;
    this.expectations = expectations;
    this.filter = filter;
    this.ended = ended;
    this.counters = counters;
    this.standby = standby;
    this.shifted = shifted;
  }

  /** The events passed from now on happened no later than `now` (ms). */
  beginRead(now: number): void {
    this.readStartMs = now;
  }

  flow(change: Change, origin: Origin, bytes: Uint8Array, length: number): void {
    this.counters.eventsReceived++;
    this.ended.noteEvent(Item.FLOW, change, bytes, length);
    if (this.standby?.noteEvent(change, origin, bytes, length) === false) {
      this.isLastKnown = false;
    } else if (this.filter.acceptsFlow(change, bytes, length)) {
      this.isLastKnown = this.flows.handleKernelChange(change, origin, bytes, length, this.readStartMs);
      if (this.isLastKnown && change !== Change.DESTROY && origin === Origin.OTHER)
        this.standby?.noteSeenHere(bytes, length);
    } else {
      this.isLastKnown = false;
      this.counters.eventsFiltered++;
    }
  }

  expectation(change: Change, origin: Origin, bytes: Uint8Array, length: number): void {
    this.counters.eventsReceived++;
    this.ended.noteEvent(Item.EXPECTATION, change, bytes, length);
    // The master may be forgotten before its expectation ends, and an internal cache must not keep the expectation.
    const isWanted =
      this.filter.acceptsExpectation(bytes, length) ||
      (change === Change.DESTROY && this.expectations.keepsRecords);
    if (!isWanted) {
      this.counters.eventsFiltered++;
      return;
    }
    this.expectations.handleKernelChange(change, origin, bytes, length, this.readStartMs);
    if (change === Change.NEW && origin === Origin.OTHER) this.shifted?.noteExpectation(bytes, length);
  }

  traffic(originalPackets: number, originalBytes: number, replyPackets: number, replyBytes: number): void {
    if (!this.isLastKnown) return;
    this.counters.trafficPackets += originalPackets + replyPackets;
    this.counters.trafficBytes += originalBytes + replyBytes;
  }
}
