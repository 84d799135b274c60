/** What a hot standby that keeps the peer's flows has done, as `-s` and its JSON form show it. */
export interface StandbyStatistics {
  /** Flows of the peer in our kernel. */
  readonly kept: number;
  /** Timeouts that were renewed. */
  readonly refreshed: number;
  /** Flows that our kernel lost and that were put back. */
  readonly lost: number;
  /** Flows removed because the peer no longer had them. */
  readonly removed: number;
  /** Bytes allocated for the kept flows. */
  readonly memory: number;
}

/** One line: `hot standby: 812 flows kept, 10340 refreshed, 2 put back, 1 removed after a resync`. */
export function standbyText({ kept, refreshed, lost, removed }: StandbyStatistics): string {
  return `hot standby: ${kept} flows kept, ${refreshed} refreshed, ${lost} put back, ${removed} removed after a resync\n`;
}
