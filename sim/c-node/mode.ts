import type { Cached, CacheWatch } from './cache.ts';

/** What a mode made of a message's header. */
export const MessageResult = {
  /** A data message: the caller applies its record. */
  DATA: 0,
  /** A control message, which the mode has handled. */
  HANDLED: 1,
  /** It came late or twice: the caller drops it. */
  STALE: 2,
  /** A header that means nothing in this mode. */
  MALFORMED: 3,
} as const;
export type MessageResult = (typeof MessageResult)[keyof typeof MessageResult];

/** The header of a received message. Without a range `from` and `to` are 0. */
export interface Header {
  type: number;
  flags: number;
  sequence: number;
  from: number;
  to: number;
}

/** One of FT-FW, NOTRACK and ALARM. */
export interface Mode {
  /** Called on changes of the internal caches, if the mode has timers for records. */
  readonly internalWatch?: CacheWatch;
  receive(header: Header): MessageResult;
  /** Queues a record of the internal cache. */
  enqueue(cached: Cached): void;
  /** Builds the messages that are queued. */
  transmit(): void;
  /** `-n`, where the mode knows requests. */
  requestResync?(): void;
  /** `-B` */
  sendBulk?(): void;
}
