import { LATE_MS } from './series-pulse.ts';

/** Numbers of nodes have 12 bits, and are not 0. */
const NUMBERS = 0xfff;

/**
 * The node that senders are taken for: its addresses on several links, as it restarts there. With more than two nodes that is a
 * guess, which is wrong if an older series of numbers goes on beside one that began later.
 */
export class Identity {
  /** Stands for the node in the marks of its records; 12 bits. */
  readonly number: number;
  private latest: object | undefined;
  private begunAt = Number.NEGATIVE_INFINITY;

  /** @param count how many nodes there were before */
  constructor(count: number) {
    this.number = 1 + (count % NUMBERS);
  }

  /** A sender's series of numbers begins; `now` in milliseconds, as all times here. */
  begin(sender: object, now: number): void {
    this.latest = sender;
    this.begunAt = now;
  }

  /** Whether this sender, whose series goes on, shows that the one that began last is another node. */
  isRefutedBy(sender: object, now: number): boolean {
    return this.latest !== undefined && this.latest !== sender && now - this.begunAt > LATE_MS;
  }
}

/** Makes the identities of the nodes that an engine meets. */
export function identities(): () => Identity {
  let count = 0;
  return () => new Identity(count++);
}
