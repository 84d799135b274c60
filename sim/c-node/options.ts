/** The configuration of a C node, in the words of conntrackd.conf. */
export interface CNodeOptions {
  readonly mode: 'ftfw' | 'notrack' | 'alarm';
  /** ResendQueueSize: messages. */
  readonly resendQueueSize: number;
  /** ACKWindowSize: messages. */
  readonly ackWindowSize: number;
  /** RefreshTime: seconds. */
  readonly refreshTime: number;
  /** CacheTimeout: seconds. */
  readonly cacheTimeout: number;
  /** CommitTimeout: seconds. The kernel must be made to fit: records have a TIMEOUT where this is undefined. */
  readonly commitTimeout: number | undefined;
  /** PurgeTimeout: seconds. */
  readonly purgeTimeout: number;
  /** HashSize: buckets. They decide the order in which a cache is sent and committed. */
  readonly hashSize: number;
  /** HashLimit: records in each cache. */
  readonly hashLimit: number;
  readonly startupResync: boolean;
  /** Only with NOTRACK, as C's grammar has it. */
  readonly disableInternalCache: boolean;
  readonly disableExternalCache: boolean;
  readonly expectationSync: boolean;
  readonly tcpWindowTracking: boolean;
  /** EventIterationLimit: events of the kernel in one turn. */
  readonly eventIterationLimit: number;
  /** NetlinkOverrunResync: seconds until the table is dumped after events were lost; 0: never. */
  readonly overrunResync: number;
  /** Datagrams are shorter than this, in bytes: the MTU less 28. */
  readonly payloadLimit: number;
  /** Whether the messages are those of 1.4.5 and 1.4.6 instead of 1.4.7. */
  readonly oldWire: boolean;
}

/** A C node whose configuration names the mode and nothing else, on an Ethernet link. */
export const C_DEFAULTS: CNodeOptions = {
  mode: 'ftfw',
  resendQueueSize: 131_072,
  ackWindowSize: 300,
  refreshTime: 60,
  cacheTimeout: 180,
  commitTimeout: undefined,
  purgeTimeout: 60,
  hashSize: 65_536,
  hashLimit: 262_144,
  startupResync: false,
  disableInternalCache: false,
  disableExternalCache: false,
  expectationSync: false,
  tcpWindowTracking: false,
  eventIterationLimit: 100,
  overrunResync: 30,
  payloadLimit: 1472,
  oldWire: false,
};
