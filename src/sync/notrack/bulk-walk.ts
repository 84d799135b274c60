import { Item } from '../../flow/item.ts';
import type { Outbox } from '../outbox.ts';

/** Records of a bulk that are queued at a time, and milliseconds from one time to the next: 50,000 a second. */
const SLICE_RECORDS = 50;
const SLICE_MS = 1;

/**
 * A bulk under way: queues the records of the internal caches slice by slice. Nobody acknowledges in NOTRACK, so that a peer whose
 * receive buffer overruns loses for good what comes too fast. Changes are sent between the slices, and do not wait for the
 * bulk's end.
 */
export class BulkWalk {
  private readonly outbox: Outbox;
  private item: Item | undefined;
  private slot = 0;
  /** Records queued since {@link begin}. */
  private records = 0;
  private nextAt = 0;
  private isReady = false;

  constructor(outbox: Outbox) {
    this.outbox = outbox;
  }

  get isUnderWay(): boolean {
    return this.item !== undefined;
  }

  /** Begins from the first record, also where a bulk is under way. */
  begin(now: number): void {
    this.item = Item.FLOW;
    this.slot = 0;
    this.records = 0;
    this.nextAt = now;
    this.isReady = false;
  }

  /** When {@link handleTimeout} is due, in milliseconds; infinity if it is not. */
  get dueAt(): number {
    return this.isUnderWay && !this.isReady ? this.nextAt : Number.POSITIVE_INFINITY;
  }

  handleTimeout(now: number): void {
    if (now >= this.dueAt) this.isReady = true;
  }

  /** Queues the next slice if it is due. Returns how many records the bulk had, once, when that was the last slice. */
  step(now: number): number | undefined {
    if (!this.isReady && !(now >= this.dueAt)) return undefined;
    this.isReady = false;
    this.nextAt = now + SLICE_MS;
    let left = SLICE_RECORDS;
    while (left > 0 && this.item !== undefined) {
      const { queued, next } = this.outbox.enqueueFrom(this.item, this.slot, left);
      this.slot = next;
      this.records += queued;
      left -= queued;
      if (next < this.outbox.cacheOf(this.item).table.slots) continue;
      this.item = this.item === Item.FLOW ? Item.EXPECTATION : undefined;
      this.slot = 0;
    }
    return this.item === undefined ? this.records : undefined;
  }
}
