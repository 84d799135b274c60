import type { Cached, CacheWatch } from './cache.ts';

/** What a mode made of a message's header. */
export const Verdict = {
  /** A record follows. */
  DATA: 0,
  /** It is dealt with. */
  CONTROL: 1,
  DROP: 2,
  /** Malformed header. */
  BAD: 3,
} as const;
export type Verdict = (typeof Verdict)[keyof typeof Verdict];

/** The header of a received message; `from` and `to` are 0 where it has no range. */
export interface Header {
  type: number;
  flags: number;
  sequence: number;
  from: number;
  to: number;
}

/** One of FT-FW, NOTRACK and ALARM. */
export interface Mode {
  /** Who is told of the internal caches' changes, if the mode wants to know. */
  readonly internalWatch?: CacheWatch;
  receive(header: Header): Verdict;
  /** A record of the internal cache changed. */
  enqueue(cached: Cached): void;
  /** Builds what waits to be transmitted. */
  transmit(): void;
  /** `-n`; a mode that asks for nothing has none. */
  requestResync?(): void;
  /** `-B` */
  sendBulk?(): void;
}
