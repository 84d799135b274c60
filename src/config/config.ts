import type { Family } from '../flow/address.ts';
import type { HelperPolicy } from './userspace-helpers.ts';

export type Config = SyncModeConfig | StatsModeConfig | HelperModeConfig;

interface CommonConfig {
  readonly general: GeneralConfig;
  /** What the Helper clause asks for; undefined without one. */
  readonly helper: HelperConfig | undefined;
}

export interface SyncModeConfig extends CommonConfig {
  readonly mode: 'sync';
  readonly sync: SyncConfig;
}

export interface StatsModeConfig extends CommonConfig {
  readonly mode: 'stats';
  readonly stats: StatsConfig;
}

/** A Helper clause alone: flows are neither replicated nor counted. */
export interface HelperModeConfig extends CommonConfig {
  readonly mode: 'helper';
  readonly helper: HelperConfig;
}

export const SYSLOG_FACILITIES = [
  'daemon',
  'local0',
  'local1',
  'local2',
  'local3',
  'local4',
  'local5',
  'local6',
  'local7',
] as const;

export type SyslogFacility = (typeof SYSLOG_FACILITIES)[number];

export interface GeneralConfig {
  /** Buckets of the caches' hash tables. */
  readonly hashSize: number;
  /** Largest number of records in each cache. */
  readonly hashLimit: number;
  /** Undefined: no log file. */
  readonly logFile: string | undefined;
  /** Undefined: no syslog. */
  readonly syslogFacility: SyslogFacility | undefined;
  readonly lockFile: string;
  /** The control socket. C accepts a file without a path; the socket then cannot be reached. */
  readonly unix: { readonly path: string | undefined };
  readonly netlink: NetlinkConfig;
  /** Events handled before other descriptors get their turn. */
  readonly eventIterationLimit: number;
  /** Dump the kernel's table every so many seconds instead of listening to events. Undefined: listen. */
  readonly pollSeconds: number | undefined;
  readonly scheduler: SchedulerConfig;
  /** Tell systemd about start, stop and the watchdog. */
  readonly systemd: boolean;
  /** Which flows matter; undefined without a Filter clause. */
  readonly filter: FilterConfig | undefined;
}

export interface NetlinkConfig {
  /** Bytes; 0: the kernel's default. */
  readonly bufferSize: number;
  /** Bytes; 0: never grow. */
  readonly bufferSizeMaxGrowth: number;
  /** Seconds from an overrun to the next dump of the kernel's table; -1: never. */
  readonly overrunResync: number;
  readonly eventsReliable: boolean;
}

export interface SchedulerConfig {
  readonly type: 'rr' | 'fifo';
  /** 0 to 99; 0 is what C takes when only a type is given, and what the kernel then refuses. */
  readonly priority: number;
}

export type FilterLogic = 'accept' | 'ignore';

export interface FilterConfig {
  readonly from: 'userspace' | 'kernelspace';
  /** Layer 4 protocol numbers, ascending. */
  readonly protocols: { readonly logic: FilterLogic; readonly numbers: readonly number[] } | undefined;
  readonly addresses: { readonly logic: FilterLogic; readonly networks: readonly Network[] } | undefined;
  /** The kernel's numbers of TCP states, ascending. */
  readonly tcpStates: { readonly logic: FilterLogic; readonly states: readonly number[] } | undefined;
}

export interface Network {
  readonly family: Family;
  /** 4 or 16 bytes in network order, bits behind the prefix cleared. */
  readonly bytes: Uint8Array;
  /** 0 to 32 or 128 bits. */
  readonly prefix: number;
}

export interface SyncConfig {
  readonly mode: 'ftfw' | 'alarm' | 'notrack';
  /** FT-FW: messages kept until they are acknowledged. */
  readonly resendQueueSize: number;
  /** FT-FW: messages received for each acknowledgement. */
  readonly ackWindowSize: number;
  /** Seconds that a committed flow lives; undefined: what is left of the timeout that the peer sent. */
  readonly commitTimeout: number | undefined;
  /** Seconds from a reset of timers to the flush of the kernel's table. */
  readonly purgeTimeout: number;
  /** ALARM: seconds after which a record is sent again at the latest. */
  readonly refreshTime: number;
  /** ALARM: seconds that an external record lives without a refresh. */
  readonly cacheTimeout: number;
  readonly disableInternalCache: boolean;
  readonly disableExternalCache: boolean;
  /** Ask the peer for everything at start. */
  readonly startupResync: boolean;
  /** One to four, all of one transport; exactly one is the default. */
  readonly links: readonly LinkConfig[];
  /** TCP: messages that wait while a connection is down. */
  readonly errorQueueLength: number;
  readonly options: SyncOptions;
}

export interface SyncOptions {
  readonly tcpWindowTracking: boolean;
  /**
   * A list holds the names of the helpers whose expectations are synchronised; a helper belongs to it if its name
   * begins with one of them in any case. Names are cut to the kernel's 16 characters.
   */
  readonly expectationSync: boolean | readonly string[];
}

export type LinkConfig = MulticastLinkConfig | UnicastLinkConfig;

interface CommonLinkConfig {
  readonly default: boolean;
  readonly interface: string;
  readonly family: Family;
  /** UDP or TCP port; the word for it is Group in a Multicast link. */
  readonly port: number;
  /** Bytes; 0: the kernel's default. */
  readonly sendBuffer: number;
  /** Bytes; 0: the kernel's default. */
  readonly receiveBuffer: number;
  /** Whether datagrams carry a UDP checksum. */
  readonly checksum: boolean;
  /** Line of the link's keyword. */
  readonly line: number;
}

export interface MulticastLinkConfig extends CommonLinkConfig {
  readonly transport: 'multicast';
  readonly group: string;
  /** IPv4: the interface's own address; undefined: the routing table chooses the interface. */
  readonly interfaceAddress: string | undefined;
}

export interface UnicastLinkConfig extends CommonLinkConfig {
  readonly transport: 'udp' | 'tcp';
  /** The own address to listen on; `0.0.0.0` or `::` if the file gives none. */
  readonly address: string;
  /** The peer's address. */
  readonly destination: string;
}

export interface StatsConfig {
  /** Undefined: no log of finished flows. */
  readonly logFile: string | undefined;
  readonly syslogFacility: SyslogFacility | undefined;
}

export interface HelperConfig {
  /** Whether the daemon sets the helpers up in the kernel itself. */
  readonly setup: boolean;
  readonly helpers: readonly HelperInstance[];
}

export interface HelperInstance {
  readonly name: string;
  readonly family: Family;
  readonly transport: 'tcp' | 'udp';
  /** Number of the netfilter queue. */
  readonly queueNum: number;
  /** Packets; 0: the kernel's default. */
  readonly queueLen: number;
  readonly policy: HelperPolicy;
  readonly line: number;
}
