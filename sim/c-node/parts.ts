import type { Cache } from './cache.ts';
import type { Clock } from './clock.ts';
import type { CNodeOptions } from './options.ts';
import type { Outgoing } from './outgoing.ts';
import type { Queue } from './queue.ts';
import type { SequenceTracker } from './sequence.ts';
import type { Timers } from './timers.ts';

/** What the parts of a node have in common. */
export interface Parts {
  readonly options: CNodeOptions;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly tracker: SequenceTracker;
  readonly outgoing: Outgoing;
  /** Messages to transmit. */
  readonly transmitQueue: Queue;
  /** 0 <= x < 1 */
  readonly random: () => number;
}

/** The caches of one side. */
export interface Caches {
  readonly flows: Cache;
  readonly expectations: Cache;
}
