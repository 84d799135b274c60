import type { HistogramStatistics } from '../bytes/histogram.ts';
import type { Item } from '../flow/item.ts';
import type { InternalCache } from '../table/internal-cache.ts';
import type { Collector } from '../wire/collector.ts';
import type { Answers } from './answer.ts';
import type { MessageQueues } from './message-queues.ts';
import type { SequenceCounters } from './sequence.ts';

/** What an engine made of a message. */
export const MessageResult = {
  /** A data message: the caller applies its record. */
  DATA: 0,
  /** A control message, which the engine has handled. */
  HANDLED: 1,
  /** It came late or twice: the caller drops it. */
  STALE: 2,
  /** A header that means nothing in this mode. */
  MALFORMED: 3,
  /** What the peer has: the caller compares it, and tells {@link SyncEngine.noteCompared}. */
  DIGEST: 4,
} as const;
export type MessageResult = (typeof MessageResult)[keyof typeof MessageResult];

/** Where {@link SyncEngine.pollTransmit} stopped. */
export const TransmitResult = {
  /** Everything is sent. */
  DONE: 0,
  /** The budget is used up, and there is more to send. */
  MORE: 1,
  /** The rest waits for an acknowledgement, or for {@link SyncEngine.pollTimeout}. */
  WAITING: 2,
} as const;
export type TransmitResult = (typeof TransmitResult)[keyof typeof TransmitResult];

/** What happened in an engine that its owner logs or acts upon. `sender` is as in {@link SyncEngine.handleMessage}. */
export type EngineEvent =
  | { readonly kind: 'resync-requested-by-peer' }
  | { readonly kind: 'resync-requested' }
  | { readonly kind: 'bulk-update'; readonly records: number }
  /** There is no internal cache: the owner sends the whole kernel table. */
  | { readonly kind: 'bulk-from-kernel' }
  /** A peer restarted without HELLO; its sequence numbers are accepted from now on. */
  | { readonly kind: 'peer-adopted'; readonly sender: number }
  /** A peer has sent nothing for 5 s. */
  | { readonly kind: 'peer-silent'; readonly sender: number; readonly silentMs: number }
  /** A peer that was silent is heard again. */
  | { readonly kind: 'peer-back'; readonly sender: number; readonly silentMs: number }
  /** A peer's messages have been stale for a second: its numbers are behind those that came before. */
  | { readonly kind: 'peer-refused'; readonly sender: number; readonly staleMs: number }
  /** Somebody says HELLO under the address of a peer that goes on: so many HELLOs since the start, of all peers. */
  | { readonly kind: 'hello-refused'; readonly sender: number; readonly total: number }
  /** A peer has sent all that it has: what it has not spoken of since it was asked is dead. */
  | { readonly kind: 'resync-complete' }
  /** A peer that was known has said HELLO: what it sent before may be lost. */
  | { readonly kind: 'peer-restarted'; readonly sender: number };

/** What an engine knows of its peers. */
export interface EngineStatus {
  /** Peers that were heard in the last minute. */
  readonly peers: number;
  /** Those of them that have been silent for 5 s. */
  readonly silent: number;
  /** When the last message of any peer came, in milliseconds; -infinity if none did. */
  readonly heardAt: number;
  /** What is missing of what the peers have. */
  readonly missing: Missing;
  /** Undefined in modes that acknowledge nothing. */
  readonly ackDelays: AckDelayStatistics | undefined;
}

/** How long peers took to acknowledge a message that was sent, in milliseconds. */
export interface AckDelayStatistics {
  /** Since the start. */
  readonly total: HistogramStatistics;
  /** In the last minute; absent if nothing was acknowledged. */
  readonly recent?: { readonly count: number; readonly p50Ms: number; readonly p99Ms: number };
}

/** When everything was sent, in milliseconds, and how many records that were. */
export interface Bulk {
  readonly records: number;
  readonly at: number;
}

export const Missing = {
  NOTHING: 'nothing',
  /** A peer has not sent everything yet since it was asked. */
  ANSWER: 'answer',
  /** A message was lost, and not sent again yet. */
  MESSAGES: 'messages',
  /** The mode, or a node without external cache, does not know. */
  UNKNOWN: 'unknown',
} as const;
export type Missing = (typeof Missing)[keyof typeof Missing];

export interface InternalCaches {
  readonly flows: InternalCache;
  readonly expectations: InternalCache;
}

/**
 * Senders that differ by a multiple of this sent on the same link. 0 is the one peer, on whichever link.
 */
export const LINKS_MAX = 4;

/**
 * A mode of replication as a state machine. It has no socket, clock, timer, random source or log: messages, changed
 * records, commands and the time go in; messages and events come out.
 *
 * There are four kinds of methods:
 *
 * - Getters, which may be called at any time.
 * - `handle...`: what came in. {@link handleMessage} from a peer, {@link handleRecordChanged} and
 *   {@link handleRecordEnded} from the internal caches, {@link handleTimeout} from the clock.
 * - Commands: {@link enqueue}, {@link forget}, {@link releaseRecords}, {@link noteTableRead},
 *   {@link noteCompared}, {@link sendBulk}, {@link requestResync}. They
 *   queue; nothing is written before the next {@link pollTransmit}.
 * - `poll...`: what is to go out. After each batch of the calls above, poll in this order:
 *   1. {@link pollTransmit}, again as long as it returns MORE.
 *   2. {@link pollEvents}: a bulk begins in pollTransmit, and its event comes with it.
 *   3. {@link pollTimeout}: a transmission puts off the keep-alive, so it depends on 1.
 *
 * `now` is in milliseconds of a clock that never goes back, and so are the times that come out. A sender is a number
 * that stands for the address which a message came from; its remainder by {@link LINKS_MAX} is the link.
 *
 * @throws AssertionError where its own state contradicts itself. The engine is of no use afterwards.
 */
export interface SyncEngine {
  readonly counters: SequenceCounters;
  /** For statistics and checks: the owner changes nothing in them. */
  readonly queues: MessageQueues;
  /** The last bulk that began; undefined before the first, and in a mode without. */
  readonly bulks: { readonly last: Bulk | undefined };
  /** Whether what was sent is kept until it is acknowledged. */
  readonly isReliable: boolean;
  /**
   * Requests for everything, and what peers answer, which the owner takes when {@link pollEvents} has `resync-complete`; undefined
   * in a mode that asks for nothing.
   */
  readonly rounds: Answers | undefined;

  /** What is known of the peers at `now`. */
  status(now: number): EngineStatus;

  /** Takes the whole message at `bytes[at]`, as `frameAt` found it. */
  handleMessage(sender: number, bytes: Uint8Array, at: number, now: number): MessageResult;
  /** The record of this slot was created or updated, whether or not it is to be sent. */
  handleRecordChanged(item: Item, slot: number, now: number): void;
  /** We ended the flow of this record ourselves: the record is dead now, and nothing is sent about it. */
  handleRecordEnded(item: Item, slot: number): void;
  /** The time of {@link pollTimeout} has come. A call before it does nothing. */
  handleTimeout(now: number): void;
  /**
   * Messages have woken the owner: queues the message that would be due soon because the node sends nothing, so that the owner need
   * not wake for it. Returns whether it did.
   */
  breakSilenceEarly(now: number): boolean;

  /** Queues the record of this slot. It is sent in its state at sending. */
  enqueue(item: Item, slot: number): void;
  /** Takes the record of this slot out of the queues: it is not sent (again). */
  forget(item: Item, slot: number): void;
  /**
   * Takes all records of an internal cache out of the queues. Call it before the cache is flushed. Until {@link noteTableRead} no
   * peer is told that it has everything: what the cache lacks is not dead.
   */
  releaseRecords(item: Item): void;
  /**
   * An internal cache has what the kernel's table has. If it was flushed, peers that can tell what is dead are invited to ask for
   * everything: what ended without an event before, or began since, was not sent.
   */
  noteTableRead(item: Item): void;
  /** The digest that {@link handleMessage} has just returned is that of our external cache, or is not. */
  noteCompared(isEqual: boolean): void;
  /** Sends everything with the next {@link pollTransmit}, once, however often this is called before it. */
  sendBulk(): void;
  /** Asks the peer to send everything that it has. */
  requestResync(): void;

  /** Writes at most `budget` queued messages to `out`, and flushes it. */
  pollTransmit(out: Collector, now: number, budget: number): TransmitResult;
  /** What happened since the last call. */
  pollEvents(): readonly EngineEvent[];
  /**
   * When {@link handleTimeout} is due, in milliseconds; infinity if it is not. It may change with every `handle...`,
   * with {@link pollTransmit} and with {@link releaseRecords}.
   */
  pollTimeout(): number;
}
