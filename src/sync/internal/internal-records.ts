import type { Change, Origin } from '../../flow/change.ts';
import type { Item } from '../../flow/item.ts';
import type { InternalCache } from '../../table/internal-cache.ts';

/**
 * What takes the word of our kernel about flows, or about expectations: a node has one for either, which it chooses when it is
 * built. Records are `bytes[0, length)`, and `now` is in milliseconds of the engine's clock.
 */
export interface InternalRecords {
  /** Whether it keeps what it is told, so that it has to hear of every end. */
  readonly keepsRecords: boolean;
  /** Takes a change of our kernel's table. Returns whether the record is known, or was until now. */
  handleKernelChange(change: Change, origin: Origin, bytes: Uint8Array, length: number, now: number): boolean;
}

/**
 * One that keeps what our kernel has in an internal cache, so that dumps can bring it back in line with the kernel's table. Of
 * an entry that an event has touched since the cache's audit began the event is newer than the dump, and stays.
 */
export interface AuditedRecords extends InternalRecords {
  readonly item: Item;
  readonly cache: InternalCache;
  /** Takes an entry of a dump of which nothing is to be sent, as at the start. */
  populate(bytes: Uint8Array, length: number, now: number): void;
  /** Takes an entry of a dump after events were lost, and sends at least what no event has told. */
  resend(bytes: Uint8Array, length: number, now: number): void;
  /** Takes an entry of a dump, and sends what no event has told. Returns whether there was any of that. */
  reconcile(bytes: Uint8Array, length: number, now: number): boolean;
  /** The same of a flow whose sequence numbers are shifted, which no event tells. */
  reconcileShifted(bytes: Uint8Array, length: number, now: number): boolean;
  /** Our kernel does not have the record of this slot any more. Returns whether it was alive until now. */
  handleGone(slot: number): boolean;
  /** A dump has come to its end: what the kernel's table has is known. */
  handleTableRead(): void;
  /** Forgets all records, and sends nothing. */
  flush(): void;
}

/** What takes the word of our kernel. */
export interface InternalSide<Records extends InternalRecords = InternalRecords> {
  readonly flows: Records;
  readonly expectations: Records;
}
