/**
 * The facts about this machine, the kernel's table, the daemon and its peer, as one plain object. `gather-facts.ts` gathers
 * them; `status`, `doctor` and their JSON are views of them.
 */

import type { ParsedConfig } from '../config/parse.ts';
import type { Settings as OurSettings } from '../settings/settings.ts';
import type { DaemonFact } from './daemon/daemon-fact.ts';
import type { KernelLogFact } from './kernel/kernel-log.ts';
import type { SampleFact } from './kernel/sample.ts';
import type { Rules } from './rules/rule-set.ts';
import type { TableFact } from './table/table-fact.ts';

/** Grows when a member of the JSON form of {@link Facts} gets another meaning, or goes. */
export const FACTS_VERSION = 1;

/** Kernel settings by their path below /proc/sys, with dots; undefined: it is not there, or not to be read. */
export type Settings = Readonly<Record<SettingName, number | undefined>>;

export const SETTING_NAMES = [
  'net.netfilter.nf_conntrack_max',
  'net.netfilter.nf_conntrack_count',
  'net.netfilter.nf_conntrack_buckets',
  'net.netfilter.nf_conntrack_events',
  'net.netfilter.nf_conntrack_tcp_be_liberal',
  'net.netfilter.nf_conntrack_tcp_loose',
  'net.netfilter.nf_conntrack_acct',
  'net.netfilter.nf_conntrack_helper',
  'net.netfilter.nf_conntrack_timestamp',
  'net.netfilter.nf_conntrack_tcp_timeout_established',
  'net.netfilter.nf_conntrack_tcp_timeout_syn_sent',
  'net.netfilter.nf_conntrack_udp_timeout',
  'net.netfilter.nf_conntrack_udp_timeout_stream',
  'net.core.rmem_max',
  'net.core.wmem_max',
  'net.core.netdev_max_backlog',
] as const;

export type SettingName = (typeof SETTING_NAMES)[number];

/** Our own settings file: absent, usable, or why it cannot be used. */
export type SettingsFact =
  | { readonly path: string; readonly state: 'absent' }
  | { readonly path: string; readonly state: 'usable'; readonly ours: OurSettings }
  | { readonly path: string; readonly state: 'unusable'; readonly why: string };

/** The configuration file, or why it cannot be used. */
export type ConfigurationFact =
  | { readonly path: string; readonly parsed: ParsedConfig }
  | { readonly path: string; readonly trouble: string };

export interface Privileges {
  readonly root: boolean;
  /** Undefined where the system does not report it. */
  readonly netAdmin: boolean | undefined;
}

/** How a daemon here would wait for events; in the words of its log. */
export interface EventLoopFact {
  readonly description: string;
  /** Why it cannot poll directly, though nobody asked for libuv. */
  readonly trouble?: string;
  /** What is wrong with the environment variable that chooses it. */
  readonly warnings: readonly string[];
}

/** What happens when ctnetlink is opened as the daemon opens it. */
export type CtnetlinkFact =
  | {
      readonly kind: 'answers';
      /** Bytes, as the kernel accounts them. */
      readonly eventBuffer: number;
      /** What is in the table; the error message if it could not be dumped. */
      readonly table: TableFact | string;
    }
  | { readonly kind: 'trouble'; readonly message: string };

export interface InterfaceFact {
  readonly up: boolean;
  readonly running: boolean;
  readonly multicast: boolean;
  /** Bytes. */
  readonly mtu: number | undefined;
  /** As text, without scope. */
  readonly addresses: readonly string[];
}

export interface LockFact {
  readonly exists: boolean;
  /** Process id in it; undefined: it is empty, as a C node's, or not to be read. */
  readonly pid: number | undefined;
  /** Whether a process holds a lock on it; undefined where the system does not report it. */
  readonly locked: boolean | undefined;
}

/** `stale`: a socket that nobody listens on. */
export type SocketState = 'absent' | 'listening' | 'stale' | 'denied' | 'no-socket';

/** Another process that looks like a node. */
export interface NodeProcess {
  readonly pid: number;
  readonly name: string;
  /** In our network namespace; undefined where the system does not report it. */
  readonly here: boolean | undefined;
}

/** Whether the rules in this network namespace ask for a connection's state; undefined where they cannot be read. */
export type RulesFact = boolean | undefined;

export interface ClockFact {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** When the program was installed. */
  readonly installed: number | undefined;
}

export interface Facts {
  readonly version: typeof FACTS_VERSION;
  /** As in `process.versions.node`. */
  readonly node: string;
  /** As `uname -r` prints it. */
  readonly kernelRelease: string;
  /** Undefined: the system calls can be made. */
  readonly nativeTrouble: string | undefined;
  readonly eventLoop: EventLoopFact;
  readonly privileges: Privileges;
  readonly ctnetlink: CtnetlinkFact;
  readonly configuration: ConfigurationFact;
  readonly settingsFile: SettingsFact;
  /** By name; undefined: there is no such interface. */
  readonly interfaces: Readonly<Record<string, InterfaceFact | undefined>>;
  /** Undefined without a configuration. */
  readonly lock: LockFact | undefined;
  readonly socket: SocketState | undefined;
  /** Undefined where no daemon answered. */
  readonly daemon: DaemonFact | undefined;
  /** Bytes that the control group allows; undefined: all there are. */
  readonly memoryLimit: number | undefined;
  readonly settings: Settings;
  /** What changed in the time of the gathering; undefined where the kernel does not tell. */
  readonly sample: SampleFact | undefined;
  readonly kernelLog: KernelLogFact;
  readonly rules: RulesFact;
  /** The rules themselves; undefined where they cannot be read. Not in the JSON form. */
  readonly ruleSet: Rules | undefined;
  /** Names of the kernel's helper modules that are there, such as `nf_conntrack_ftp`. */
  readonly helperModules: readonly string[];
  readonly processes: readonly NodeProcess[];
  readonly clock: ClockFact;
}
