import type { LatencyName } from '../../settings/settings.ts';
import { EventCoalescer } from './event-coalescer.ts';

/** What counts more where events come fast: how soon they are sent, or how little CPU that takes. */
export type Latency = 'low' | 'batched';

/** Decides when events are read, and when those that were read are sent. */
export interface ReadPace {
  /** Whether one turn reads on until no event is left, also when a read brought all that waited. */
  readonly readsUntilEmpty: boolean;
  /** How long events that were read may wait for those that are still to be read, so that they are sent together. */
  readonly holdMaxMs: number;
  /** Records that a read at `now` (ms) brought so many events. */
  recordRead(events: number, now: number): void;
  /** Returns the milliseconds to wait before the next read; 0: read as soon as an event arrives. */
  waitMs(bufferBytes: number): number;
}

/**
 * Reads events as soon as they arrive, and sends what each read brings. Batches form by themselves: while a node works, events
 * queue up, and the next read brings them together.
 */
const PROMPT: ReadPace = { readsUntilEmpty: true, holdMaxMs: 0, recordRead: () => {}, waitMs: () => 0 };

/** @param now milliseconds of a clock that never goes back */
export function readPace(latency: Latency, now: number): ReadPace {
  return latency === 'low' ? PROMPT : new EventCoalescer(now);
}

/**
 * What the setting means for a node. Both nodes of a pair are normally configured alike, so the node's own DisableExternalCache
 * says that the peer's kernel needs a change now.
 */
export function latencyOf(setting: LatencyName, disableExternalCache: boolean): Latency {
  if (setting !== 'auto') return setting;
  return disableExternalCache ? 'low' : 'batched';
}
