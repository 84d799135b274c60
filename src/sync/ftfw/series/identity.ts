import type { SequenceTracker } from '../../sequence.ts';
import { LATE_MS, type SeriesPulse } from './series-pulse.ts';
import { areInOneSeries } from './series-span.ts';

/** Numbers of nodes have 12 bits, and are not 0. */
const NUMBERS = 0xfff;

/** What is known of a sender. */
export interface Identified {
  identity: Identity;
  readonly received: SequenceTracker;
  readonly pulse: SeriesPulse;
}

/**
 * The node that senders are taken for: its addresses on several links, as it restarts there. With more than two nodes that is a
 * guess, which is wrong if an older series of numbers goes on beside one that began later.
 */
export class Identity {
  /** Stands for the node in the marks of its records; 12 bits. */
  readonly number: number;
  private latest: Identified | undefined;
  private begunAt = Number.NEGATIVE_INFINITY;

  /** @param count how many nodes there were before */
  constructor(count: number) {
    this.number = 1 + (count % NUMBERS);
  }

  /** A sender's series of numbers began, as its message of this time shows; milliseconds, as all times here. */
  begin(sender: Identified, at: number): void {
    if (at < this.begunAt) return;
    this.latest = sender;
    this.begunAt = at;
  }

  /**
   * This sender's series goes on. Returns the sender that cannot be the same node, because a series of its own has begun since, and
   * has gone on, as a stranger's does not; undefined if there is none.
   */
  takeRefuted(sender: Identified, now: number): Identified | undefined {
    const { latest } = this;
    if (latest === undefined || latest === sender || now - this.begunAt <= LATE_MS) return undefined;
    this.latest = sender;
    const isOne = areInOneSeries(latest.received.last, sender.received.last);
    return isOne || !latest.pulse.wasProven || latest.identity !== this ? undefined : latest;
  }
}

/** Makes the identities of the nodes that an engine meets. */
export function identities(): () => Identity {
  let count = 0;
  return () => new Identity(count++);
}
