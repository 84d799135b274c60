import type { Item } from '../flow/item.ts';
import type { InternalCache } from '../table/internal-cache.ts';
import type { Collector } from '../wire/collector.ts';
import type { MessageQueues } from './message-queues.ts';
import type { SequenceCounters } from './sequence.ts';

/** What the engine made of a message. */
export const Verdict = {
  /** A data message: apply it. */
  DATA: 0,
  /** A control message: it was dealt with. */
  CONTROL: 1,
  /** Late or repeated: pass it over. */
  DROP: 2,
  /** A header that means nothing in this mode: malformed. */
  BAD: 3,
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** Something worth a line in the log. */
export type EngineEvent =
  | { readonly kind: 'resync-requested-by-peer' }
  | { readonly kind: 'resync-requested' }
  | { readonly kind: 'bulk-update'; readonly records: number }
  /** There is no internal cache: all of the kernel's table is to be sent. */
  | { readonly kind: 'bulk-from-kernel' }
  | { readonly kind: 'peer-adopted'; readonly sender: number };

export const Transmission = {
  /** All is sent. */
  DONE: 0,
  /** The budget is used up; there is more to send. */
  MORE: 1,
  /** The rest waits for the peer to acknowledge, or for the time `nextTimeout`. */
  WAITING: 2,
} as const;
export type Transmission = (typeof Transmission)[keyof typeof Transmission];

export interface InternalCaches {
  readonly flows: InternalCache;
  readonly expectations: InternalCache;
}

/** Senders that differ by this, or a multiple of it, are heard on the same link. 0 is the one peer, on whichever link. */
export const LINKS_MAX = 4;

/**
 * A mode of replication as a state machine. Messages, changed records, commands and the time go in; messages and facts
 * come out. It knows no socket, clock, timer or log.
 *
 * `now` is in milliseconds of a clock that never goes back. A sender is a number that stands for the address which a
 * message came from; its remainder by {@link LINKS_MAX} is the link.
 */
export interface SyncEngine {
  readonly counters: SequenceCounters;
  readonly queues: MessageQueues;
  /** Whether what was sent is kept until it is acknowledged. */
  readonly isReliable: boolean;
  /** Takes the whole message at `bytes[at]`, as `frameAt` found it. */
  handleMessage(sender: number, bytes: Uint8Array, at: number, now: number): Verdict;
  /** The record of this slot was created or updated, be it to be sent or not. */
  handleRecordChanged(item: Item, slot: number, now: number): void;
  /** The record of this slot is to be sent, in its state at sending. */
  enqueue(item: Item, slot: number): void;
  /** The flow of this record, now dead, ended by our own doing: the peer is not told. */
  handleRecordEnded(item: Item, slot: number): void;
  /** The record of this slot is not to be sent (again). */
  forget(item: Item, slot: number): void;
  /** Everything is to be sent. However often it is asked for before the next {@link pollTransmit}, it is done once. */
  sendBulk(): void;
  /** Asks the peer to send all that it has. */
  requestResync(): void;
  /** When {@link handleTimeout} is due. */
  pollTimeout(): number;
  handleTimeout(now: number): void;
  /** Writes at most `budget` waiting messages to `out`, and flushes it. */
  pollTransmit(out: Collector, now: number, budget: number): Transmission;
  /** An internal cache is about to be flushed: lets go of all its records. */
  releaseRecords(item: Item): void;
  /** What happened since the last call. */
  pollEvents(): readonly EngineEvent[];
}
