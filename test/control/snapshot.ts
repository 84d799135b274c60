import type {
  CacheStatistics,
  LinkStatistics,
  NetworkStatistics,
  RuntimeStatistics,
  StatsSnapshot,
  SyncSnapshot,
} from '../../src/control/snapshot.ts';

export const CACHE: CacheStatistics = {
  kind: 'cache',
  name: 'internal',
  objects: 1,
  active: 2,
  entries: 3,
  created: 4,
  createFailed: 5,
  createNoMemory: 6,
  createNoSpace: 7,
  updated: 8,
  updateFailed: 9,
  updateNotFound: 10,
  destroyed: 11,
  destroyFailed: 12,
  destroyNotFound: 13,
};

export const LINK: LinkStatistics = {
  transport: 'UDP',
  device: 'sync0',
  status: 'RUNNING',
  active: true,
  bytesSent: 6812,
  bytesReceived: 3520,
  packetsSent: 253,
  packetsReceived: 220,
  errorsSent: 1,
  errorsReceived: 2,
  refused: {},
};

export const NETWORK: NetworkStatistics = {
  malformed: 1,
  badVersion: 2,
  badHeader: 3,
  badPayload: 4,
  badType: 5,
  truncated: 6,
  badSize: 7,
  sendMalformed: 8,
  lost: 9,
  before: 10,
  unfoundedAcks: 11,
  falseHellos: 12,
  peer: { old: false, recognised: false, natInOrder: 0, natReversed: 0, withoutPorts: 0, zonesUnknown: 0 },
};

export const RUNTIME: RuntimeStatistics = {
  uptime: 190,
  eventsReceived: 34,
  eventsFiltered: 1,
  eventsUnknownType: 2,
  eventsFailed: 3,
  dumpUnknownType: 4,
  overruns: 5,
  kernelFlushes: 6,
  kernelResyncs: 7,
  directionalZones: 17,
  interruptedDumps: 18,
  incompleteDumps: 19,
  bufferSize: 212_992,
  childFailed: 8,
  childSegfault: 9,
  childTerminated: 10,
  selectFailed: 11,
  waitFailed: 12,
  localReadFailed: 13,
  localUnknownRequest: 14,
  resources: { outOfDescriptors: 0, logLinesLost: 0, logLinesLeftOut: 0 },
};

/** A node in FT-FW mode over one UDP link, without ExpectationSync. */
export const FTFW: SyncSnapshot = {
  mode: 'sync',
  runtime: RUNTIME,
  processes: [],
  traffic: { bytes: 1000, packets: 10 },
  flows: { internal: CACHE, external: { ...CACHE, name: 'external' } },
  links: [LINK],
  network: NETWORK,
  queues: {
    nodes: 0,
    queues: [
      { name: 'txqueue', elements: 0, maximum: 2_147_483_647, noSpace: 0 },
      { name: 'errorq', elements: 0, maximum: 128, noSpace: 0 },
      { name: 'rsqueue', elements: 0, maximum: 131_072, noSpace: 0 },
    ],
  },
  replication: {
    inSync: true,
    flows: 812,
    peers: 1,
    silentPeers: 0,
    lastHeardMs: 412,
    waiting: 0,
    unacknowledged: 0,
    droppedFromResendQueue: 0,
    droppedDead: 0,
    comparisons: { equal: 0, different: 0 },
  },
  resendQueue: { length: 0, entries: [] },
};

/** A node in Stats mode. */
export const STATS: StatsSnapshot = {
  mode: 'stats',
  runtime: RUNTIME,
  processes: [],
  traffic: { bytes: 5, packets: 1 },
  cache: { ...CACHE, name: 'stats' },
};
