/**
 * The statistics of a node at one moment, as data. `statistics.ts` prints them as the C node
 * does, `statistics-json.ts` as JSON with these very names. All counts are since the start unless stated otherwise.
 */

import type { HistogramStatistics } from '../bytes/histogram.ts';
import type { HelpersStatistics } from './helpers.ts';
import type { ReplicationStatistics } from './replication.ts';
import type { RoleStatistics } from './role.ts';
import type { SharedFlowsStatistics } from './shared-flows.ts';
import type { StandbyStatistics } from './standby.ts';

/** A cache of flows or of expectations. */
export interface CacheStatistics {
  readonly kind: 'cache';
  /** `internal`, `external`, or `stats` for the cache of Stats mode. */
  readonly name: string;
  /** Records held now, those that are dead but still kept included. */
  readonly objects: number;
  /** Records that are alive now. */
  readonly active: number;
  /** Entries in the hash table now. */
  readonly entries: number;
  readonly created: number;
  readonly createFailed: number;
  readonly createNoMemory: number;
  /** Refused because of HashLimit. */
  readonly createNoSpace: number;
  readonly updated: number;
  readonly updateFailed: number;
  readonly updateNotFound: number;
  readonly destroyed: number;
  readonly destroyFailed: number;
  readonly destroyNotFound: number;
}

/** Instead of the internal cache, with DisableInternalCache: events that went straight to the wire. */
export interface BypassStatistics {
  readonly kind: 'bypass';
  readonly created: number;
  readonly updated: number;
  readonly destroyed: number;
}

/** Instead of the external cache, with DisableExternalCache: what was put straight into the kernel. */
export interface InjectStatistics {
  readonly kind: 'inject';
  readonly created: number;
  readonly createFailed: number;
  readonly updated: number;
  readonly updateFailed: number;
  readonly destroyed: number;
  readonly destroyFailed: number;
}

export type InternalStatistics = CacheStatistics | BypassStatistics;
export type ExternalStatistics = CacheStatistics | InjectStatistics;

/** The internal and the external side, of flows or of expectations. */
export interface SidesStatistics {
  readonly internal: InternalStatistics;
  readonly external: ExternalStatistics;
}

/** What the destroyed flows had carried, by the kernel's accounting. */
export interface TrafficStatistics {
  readonly bytes: number;
  readonly packets: number;
}

export type LinkTransport = 'UDP' | 'multicast' | 'TCP';

/** State of a link's interface: no carrier is up without a cable. */
export type LinkStatus = 'RUNNING' | 'NO-CARRIER' | 'DOWN';

/** One dedicated link. */
export interface LinkStatistics {
  readonly transport: LinkTransport;
  /** Name of its interface. */
  readonly device: string;
  readonly status: LinkStatus;
  /** True for the link that is in use. */
  readonly active: boolean;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Datagrams, or writes and reads of a TCP link. */
  readonly packetsSent: number;
  readonly packetsReceived: number;
  readonly errorsSent: number;
  readonly errorsReceived: number;
  /** Datagrams, or connections of a TCP link, that were refused, and the last one's sender, by reason; in the JSON form, and summed up as lines of `-s`. */
  readonly refused: Readonly<Record<string, { readonly count: number; readonly last: string }>>;
  /** With a key: peers that have proved that they have it, and datagrams that waited for one in vain; in the JSON form. */
  readonly seal?: { readonly peers: number; readonly undelivered: number };
  /** TCP only: whether the peer is connected to us, and we to it. */
  readonly serverConnected?: boolean;
  readonly clientConnected?: boolean;
}

/** Messages received and sent. */
export interface NetworkStatistics {
  readonly malformed: number;
  readonly badVersion: number;
  readonly badHeader: number;
  readonly badPayload: number;
  readonly badType: number;
  readonly truncated: number;
  readonly badSize: number;
  readonly sendMalformed: number;
  /** Messages that never came, by the gaps in the sequence numbers. */
  readonly lost: number;
  /** Messages whose number had passed already. */
  readonly before: number;
  /** Acknowledgements of numbers that were never sent; in the JSON form alone. */
  readonly unfoundedAcks: number;
  /** HELLOs under the address of a peer whose numbers went on as before; in the JSON form alone. */
  readonly falseHellos: number;
  /** In the JSON form, and as a line of `-s` where the peer is old. */
  readonly peer: PeerStatistics;
}

/** The version of the peers, by what is set or what their messages show. */
export interface PeerStatistics {
  /** `1.4.6`; absent where nothing is set and nothing shows an old peer. */
  readonly version?: string;
  /** Whether its messages differ from those of 1.4.7 and later. */
  readonly old: boolean;
  /** Whether the version was recognised, and is not set. */
  readonly recognised: boolean;
  /** Translated IPv4 addresses that make sense in one byte order alone: network byte order, or the reverse. */
  readonly natInOrder: number;
  readonly natReversed: number;
  /** Messages without the ports that name their flow. */
  readonly withoutPorts: number;
  /** Messages with a zone sent to a peer that takes them for malformed. */
  readonly zonesUnknown: number;
}

/** Comparisons of the internal cache with the kernel's table, and what they found that no event had reported. */
export interface RecheckStatistics {
  readonly comparisons: number;
  /** Records that were missing, or had changed. */
  readonly changed: number;
  /** Records of flows or expectations that had ended. */
  readonly gone: number;
  /** Flows whose sequence numbers a helper had shifted, read because of a translated expectation; in Sync mode. */
  readonly shifted?: number;
}

/** What the daemon lacked. */
export interface ResourceStatistics {
  /** How often the process had no file descriptor left, and turned clients of the control socket away. */
  readonly outOfDescriptors: number;
  /** Log lines that the log file could not take, such as on a full disk. */
  readonly logLinesLost: number;
  /** Log lines beyond 200 a second. */
  readonly logLinesLeftOut: number;
  /** In Stats mode: ended flows that the log of flows could not take. */
  readonly flowLinesLost?: number;
}

export interface RuntimeStatistics {
  /** Seconds since the start. */
  readonly uptime: number;
  readonly eventsReceived: number;
  readonly eventsFiltered: number;
  /** Events by read, of the reads that brought any; in the JSON form alone. */
  readonly eventBatches?: HistogramStatistics;
  readonly eventsUnknownType: number;
  readonly eventsFailed: number;
  readonly dumpUnknownType: number;
  readonly overruns: number;
  readonly kernelFlushes: number;
  readonly kernelResyncs: number;
  /** Messages of the kernel about flows with a zone in one direction alone, which are not replicated; in the JSON form alone. */
  readonly directionalZones: number;
  /** Dumps of the kernel's table that the kernel interrupted; in the JSON form alone. */
  readonly interruptedDumps: number;
  /** Dumps that may lack entries, because they were interrupted each time; in the JSON form alone. */
  readonly incompleteDumps: number;
  /** In the JSON form alone; absent where there is no internal cache. */
  readonly recheck?: RecheckStatistics;
  /** Entries that commits put into the kernel, and that they could not; in the JSON form of Sync mode alone. */
  readonly committed?: number;
  readonly commitFailed?: number;
  /** Bytes that the event socket can hold now. */
  readonly bufferSize: number;
  readonly childFailed: number;
  readonly childSegfault: number;
  readonly childTerminated: number;
  readonly selectFailed: number;
  readonly waitFailed: number;
  readonly localReadFailed: number;
  readonly localUnknownRequest: number;
  /** In the JSON form alone. */
  readonly resources: ResourceStatistics;
}

export interface QueueStatistics {
  readonly name: string;
  /** Elements in it now. */
  readonly elements: number;
  readonly maximum: number;
  /** Elements turned away because it was full. */
  readonly noSpace: number;
}

export interface QueuesStatistics {
  /** Queue elements that exist now. */
  readonly nodes: number;
  readonly queues: readonly QueueStatistics[];
}

/** What waits for its acknowledgement. */
export type ResendEntry =
  | { readonly kind: 'control'; readonly sequence: number; readonly flags: number }
  | { readonly kind: 'object'; readonly sequence: number };

export interface ResendQueueStatistics {
  readonly length: number;
  /** In the order of the queue. Read once, while the answer is written. */
  readonly entries: Iterable<ResendEntry>;
}

/** A process that works for the daemon at the moment. */
export interface ProcessStatistics {
  readonly pid: number;
  readonly type: 'any' | 'flush' | 'commit';
}

/** The statistics of a node that synchronises. */
export interface SyncSnapshot {
  readonly mode: 'sync';
  /** Absent until somebody has given the node a role, where no guard is configured. */
  readonly role?: RoleStatistics;
  /** Only of a hot standby that keeps the peer's flows. */
  readonly standby?: StandbyStatistics;
  /** Only where several nodes are active. */
  readonly sharedFlows?: SharedFlowsStatistics;
  readonly runtime: RuntimeStatistics;
  readonly processes: readonly ProcessStatistics[];
  readonly traffic: TrafficStatistics;
  readonly flows: SidesStatistics;
  /** Absent without ExpectationSync. */
  readonly expectations?: SidesStatistics;
  /** All links, in the order of the configuration. */
  readonly links: readonly LinkStatistics[];
  readonly network: NetworkStatistics;
  readonly queues: QueuesStatistics;
  readonly replication: ReplicationStatistics;
  /** In FT-FW mode only. */
  readonly resendQueue?: ResendQueueStatistics;
  /** With a Helper clause only; in the JSON form alone. */
  readonly helpers?: HelpersStatistics;
}

/** The statistics of a node in Stats mode. */
export interface StatsSnapshot {
  readonly mode: 'stats';
  readonly runtime: RuntimeStatistics;
  readonly processes: readonly ProcessStatistics[];
  readonly traffic: TrafficStatistics;
  readonly cache: CacheStatistics;
  readonly helpers?: HelpersStatistics;
}

/** The statistics of a node that has helpers alone. */
export interface HelperSnapshot {
  readonly mode: 'helper';
  readonly runtime: RuntimeStatistics;
  readonly processes: readonly ProcessStatistics[];
  readonly helpers?: HelpersStatistics;
}

export type Snapshot = SyncSnapshot | StatsSnapshot | HelperSnapshot;
