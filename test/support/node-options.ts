import type { EventReaderOptions } from '../../src/daemon/common/event-reader.ts';
import type { StatsNodeOptions } from '../../src/daemon/stats/stats-node.ts';
import type { SyncNodeOptions } from '../../src/daemon/sync/sync-node.ts';

export const EVENT_READER_OPTIONS: EventReaderOptions = {
  eventIterationLimit: 100,
  overrunResync: 30,
  bufferSizeMaxGrowth: 1 << 20,
};

/** A node in FT-FW mode without filter or expectations. A test says only what it wants otherwise. */
export const SYNC_NODE_OPTIONS: SyncNodeOptions = {
  ...EVENT_READER_OPTIONS,
  mode: 'ftfw',
  resendQueueSize: 131_072,
  ackWindowSize: 300,
  refreshTime: 60,
  disableInternalCache: false,
  disableExternalCache: false,
  commitTimeout: 180,
  purgeTimeout: 60,
  cacheTimeout: 180,
  hashLimit: 10_000,
  tcpWindowTracking: false,
  expectationSync: false,
  filter: undefined,
  pollSeconds: undefined,
  hashSeed: 1,
};

export const STATS_NODE_OPTIONS: StatsNodeOptions = {
  ...EVENT_READER_OPTIONS,
  hashLimit: 1000,
  filter: undefined,
  pollSeconds: undefined,
  hashSeed: 1,
};
