import type { Alarms } from './alarms.ts';
import type { Cache } from './cache.ts';
import type { Clock } from './clock.ts';
import type { Tracker } from './numbers.ts';
import type { CNodeOptions } from './options.ts';
import type { Outgoing } from './outgoing.ts';
import type { Queue } from './queue.ts';

/** What the parts of a node share. */
export interface Parts {
  readonly options: CNodeOptions;
  readonly clock: Clock;
  readonly alarms: Alarms;
  readonly tracker: Tracker;
  readonly outgoing: Outgoing;
  /** What waits to be transmitted. */
  readonly transmitQueue: Queue;
  /** 0 <= x < 1 */
  readonly random: () => number;
}

/** The caches of one side. */
export interface Caches {
  readonly flows: Cache;
  readonly expectations: Cache;
}
