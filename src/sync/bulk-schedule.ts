import type { Item } from '../flow/item.ts';
import type { Bulk } from './engine.ts';

/** Milliseconds from the beginning of a bulk that was asked for to the earliest beginning of the next. */
const INTERVAL_MS = 1000;
/** The same for each record of the bulk: requests bring 50,000 records a second at most. */
const INTERVAL_MS_PER_RECORD = 0.02;
/** How long a peer that lacks something is given to ask for everything before it gets it unasked, in ms. */
const UNASKED_MS = 1500;
/** Requests that wait for the end of a bulk. Of more, the oldest are forgotten: their senders ask again. */
const REQUESTS_MAX = 64;

/**
 * When everything is sent. Anybody can ask for it, and a request has 16 bytes: so requests begin one bulk a second at most,
 * fewer of a large table, and one that comes during the pause is answered after it. A command is not delayed.
 */
export class BulkSchedule {
  private isCommanded = false;
  private unaskedAt = Number.POSITIVE_INFINITY;
  /** When the next bulk that was asked for may begin, in milliseconds. */
  private nextAt = Number.NEGATIVE_INFINITY;
  /** What the requests that the next bulk answers were called. */
  private waiting: number[] = [];
  /** The same of the bulk under way. */
  private underWay: number[] = [];
  /** The last bulk that began; undefined before the first. */
  last: Bulk | undefined;
  /** Records to be sent until the bulk under way is complete. */
  private left = 0;
  /** Internal caches that were flushed, and do not have what the kernel has: a bulk is not everything. */
  private readonly flushed = new Set<Item>();

  /** Begins a bulk with the next transmission. */
  command(): void {
    this.isCommanded = true;
  }

  /** When {@link handleTimeout} is due, in milliseconds; infinity if it is not. */
  pollTimeout(): number {
    return this.isCommanded ? Number.POSITIVE_INFINITY : this.resumesAt;
  }

  handleTimeout(now: number): void {
    if (this.isDue(now)) this.isCommanded = true;
  }

  /** A peer asked for everything. @param request what {@link takeAnswered} calls the request */
  request(request: number): void {
    if (this.waiting.length === REQUESTS_MAX) this.waiting.shift();
    this.waiting.push(request);
  }

  /** A peer lacks something. It gets everything if it does not ask for it: a C node does not. */
  expectRequest(now: number): void {
    this.unaskedAt = Math.min(this.unaskedAt, now + UNASKED_MS);
  }

  /** True if a bulk is to begin now. */
  isDue(now: number): boolean {
    return this.isCommanded || (now >= this.nextAt && (this.waiting.length > 0 || now >= this.unaskedAt));
  }

  /** When a bulk is to begin that nobody commanded, in milliseconds; infinity if none is. */
  private get resumesAt(): number {
    return Math.max(this.waiting.length > 0 ? Number.NEGATIVE_INFINITY : this.unaskedAt, this.nextAt);
  }

  /**
   * A bulk begins, of so many records, with so many messages to be sent until it is complete; infinity where
   * {@link noteQueued} tells it later.
   */
  begin(records: number, messages: number, now: number): void {
    this.isCommanded = false;
    this.last = { records, at: now };
    this.unaskedAt = Number.POSITIVE_INFINITY;
    this.nextAt = now + Math.max(INTERVAL_MS, records * INTERVAL_MS_PER_RECORD);
    if (this.isEverything) this.underWay.push(...this.waiting);
    this.waiting = [];
    this.left = messages;
  }

  /** The bulk under way has so many records after all, and so many messages are left until it is complete. */
  noteQueued(records: number, messages: number): void {
    if (this.last === undefined) return;
    const { at } = this.last;
    this.last = { records, at };
    this.nextAt = Math.max(this.nextAt, at + records * INTERVAL_MS_PER_RECORD);
    this.left = messages;
  }

  /** The bulk under way broke off: who asked for it is told nothing, and asks again. */
  breakOff(): void {
    this.underWay = [];
    this.left = 0;
  }

  /** Whether the internal caches have what the kernel has. */
  get isEverything(): boolean {
    return this.flushed.size === 0;
  }

  /** An internal cache is flushed. */
  noteFlushed(item: Item): void {
    this.flushed.add(item);
    this.breakOff();
  }

  /** An internal cache has what the kernel's table has. Returns whether a bulk is everything again, and was not. */
  noteTableRead(item: Item): boolean {
    return this.flushed.delete(item) && this.isEverything;
  }

  /** A record was sent. @param isLast whether none is waiting to be sent */
  noteRecordSent(isLast: boolean): void {
    this.left = isLast ? 0 : Math.max(0, this.left - 1);
  }

  /** Whether requests have been answered in full. */
  get hasAnswered(): boolean {
    return this.left === 0 && this.underWay.length > 0;
  }

  /** The requests that {@link hasAnswered} speaks of, which are told so now. */
  takeAnswered(): readonly number[] {
    const { underWay } = this;
    this.underWay = [];
    return underWay;
  }
}
