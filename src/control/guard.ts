/** The guard of a failover, as `-s`, `role` and their JSON forms show it. */
export interface GuardStatistics {
  /**
   * `down`: everything passes. `up`: the node is not primary, and what arrives is dropped. `takeover`: as `up`, until the
   * flows are committed. `lapsed`: lifted by its longest time. `waiting`: not raised while virtual addresses are there.
   */
  readonly state: 'down' | 'up' | 'takeover' | 'lapsed' | 'waiting';
  readonly interfaces: readonly string[];
  /** Milliseconds since 1970; absent before the first change. */
  readonly since?: number;
  /** Why the guard is in `takeover`, `lapsed` or `waiting`. */
  readonly cause?: string;
  /** Since the start of the daemon. */
  readonly dropped: { readonly packets: number; readonly bytes: number };
  /** Let through to the machine's own addresses while the guard was up, since the start. */
  readonly own: { readonly packets: number; readonly bytes: number };
  readonly raised: number;
  readonly lifted: number;
  /** How often its longest time lifted it. */
  readonly lapsed: number;
  /** How often its table in the kernel was lost, and made anew. */
  readonly recreated: number;
}

const STATE_TEXTS: Readonly<Record<GuardStatistics['state'], string>> = {
  down: 'down',
  up: 'up',
  takeover: 'up until the flows are committed',
  lapsed: 'LIFTED BY ITS LONGEST TIME',
  waiting: 'not raised',
};

/** One line: `guard: up on in0, out0, 12 packets (720 bytes) dropped since the start`. */
export function guardText({ state, interfaces, cause, dropped }: GuardStatistics): string {
  const why = cause === undefined ? '' : ` (${cause})`;
  const { packets, bytes } = dropped;
  return `guard: ${STATE_TEXTS[state]}${why} on ${interfaces.join(', ')}, ${packets} packets (${bytes} bytes) dropped since the start\n`;
}
