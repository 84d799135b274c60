import type { AllowedTraffic } from './allowed-traffic.ts';
import type { ListenAddress } from './listen-address.ts';

/** Our own settings, checked: what the C program's configuration file has no word for. */
export interface Settings {
  readonly failover: FailoverSettings;
  readonly links: LinksSettings;
  readonly replication: ReplicationSettings;
  readonly standby: StandbySettings;
  readonly peer: PeerSettings;
  readonly helper: HelperSettings;
  readonly metrics: MetricsSettings;
  readonly log: LogSettings;
  readonly process: ProcessSettings;
}

export interface MetricsSettings {
  /** Where HTTP requests for metrics are answered; undefined: nowhere. */
  readonly listen: ListenAddress | undefined;
}

/** How the daemon writes its log: C's lines, or one JSON object a line. */
export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormatName = (typeof LOG_FORMATS)[number];

/**
 * What counts more where events come fast: how soon a change is at the peer, or how little CPU that takes. `auto`: as with `low`
 * where DisableExternalCache says that the peer's kernel needs it now, else as with `batched`.
 */
export const LATENCIES = ['auto', 'low', 'batched'] as const;
export type LatencyName = (typeof LATENCIES)[number];

export interface LogSettings {
  /** Of the log file, standard output and standard error; syslog gets text, and the log of ended flows is C's. */
  readonly format: LogFormatName;
}

export interface ProcessSettings {
  /** Name of the user whose rights the daemon has; undefined: those of who started it. */
  readonly user: string | undefined;
  /** Whether the daemon gives up the capabilities that it does not need. */
  readonly dropPrivileges: boolean;
}

export interface HelperSettings {
  /** Whether the daemon goes on without the helpers of the Helper clause where the kernel has no helpers in user space. */
  readonly optional: boolean;
}

/** Whose datagrams and connections the dedicated links take, and how soon they carry a change. */
export interface LinksSettings {
  /** Addresses: besides its destination on a UDP or TCP link, alone on a multicast link. */
  readonly senders: readonly string[];
  /** Take everybody's, as the C program does. */
  readonly acceptAnySender: boolean;
  /** Absolute path of the file of keys that datagrams are sealed with; undefined: they are plain. */
  readonly keyFile: string | undefined;
  readonly latency: LatencyName;
}

/** How many nodes forward at once. With `one` DisableExternalCache does what it does in C. */
export const ACTIVE_NODES = ['one', 'several'] as const;
export type ActiveNodesName = (typeof ACTIVE_NODES)[number];

/** What a node does beyond C's to be equal to its peers. */
export interface ReplicationSettings {
  /** Seconds from one time that the node asks for everything, and in NOTRACK sends everything, to the next; 0: none but with a cause. */
  readonly resyncSeconds: number;
  /** How many nodes forward at once: with several, all share their kernels' flows. */
  readonly activeNodes: ActiveNodesName;
}

export interface PeerSettings {
  /** The version of conntrack-tools that the peers run, `1.4.N`; undefined: it is recognised on the wire. */
  readonly version: string | undefined;
  /** Whether connection labels are replicated: sent, and taken from the peers. */
  readonly labels: boolean;
}

export interface FailoverSettings {
  /** keepalived's notify FIFO; undefined: keepalived is not listened to. */
  readonly keepalivedFifo: string | undefined;
  /** Whose lines of the FIFO count; undefined: those of every instance and group. */
  readonly source: KeepalivedSource | undefined;
  /** Undefined: nothing is dropped during a takeover. */
  readonly guard: GuardSettings | undefined;
}

/** What keeps traffic from a new primary until the replicated flows are committed. */
export interface GuardSettings {
  /** Names of the network interfaces whose arriving packets are dropped; one or more. */
  readonly interfaces: readonly string[];
  /** What is let through nevertheless, beside what VRRP and IPv6 need and what goes to the machine's own addresses. */
  readonly allow: readonly AllowedTraffic[];
  /** The guard is lifted this long after the beginning of a takeover, in seconds, whatever happens. */
  readonly liftAfterSeconds: number;
}

/** What a hot standby (DisableExternalCache) does beyond C's. */
export interface StandbySettings {
  /** Keep in our kernel what the peer has not ended. */
  readonly keep: boolean;
  /** Seconds from one resync with the peer to the next; 0: none but those that have a cause. */
  readonly resyncSeconds: number;
}

/** A VRRP instance (`vrrp_instance NAME`) or sync group (`vrrp_sync_group NAME`) of keepalived.conf. */
export interface KeepalivedSource {
  readonly kind: 'instance' | 'group';
  readonly name: string;
}

/** What holds without a settings file: the C program's behaviour, but that UDP and TCP links take what their destination sends alone. */
export const DEFAULT_SETTINGS: Settings = {
  failover: { keepalivedFifo: undefined, source: undefined, guard: undefined },
  links: { senders: [], acceptAnySender: false, keyFile: undefined, latency: 'auto' },
  replication: { resyncSeconds: 0, activeNodes: 'one' },
  standby: { keep: false, resyncSeconds: 300 },
  peer: { version: undefined, labels: true },
  helper: { optional: false },
  metrics: { listen: undefined },
  log: { format: 'text' },
  process: { user: undefined, dropPrivileges: true },
};
