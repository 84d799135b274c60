import type { Family } from '../flow/address.ts';
import type { FilterLogic, LinkConfig, Network, SyslogFacility } from './config.ts';
import type { Token } from './tokens.ts';
import type { HelperPolicy } from './userspace-helpers.ts';

/**
 * The values that the clauses have set so far. One flat record, as in C, because clauses of different blocks set the same
 * value and the last one in the file wins. 0 stands for "not set" wherever C takes it so.
 */
export interface ClauseValues {
  hashSize: number;
  hashLimit: number;
  logFile: string | undefined;
  syslogFacility: SyslogFacility | undefined;
  lockFile: string | undefined;
  unixPath: string | undefined;
  netlinkBufferSize: number;
  netlinkBufferSizeMaxGrowth: number;
  overrunResync: number;
  eventsReliable: boolean;
  eventIterationLimit: number;
  pollSeconds: number | undefined;
  schedulerType: 'rr' | 'fifo' | undefined;
  schedulerPriority: number;
  systemd: boolean | undefined;
  filter: FilterValues | undefined;

  syncKeyword: Token | undefined;
  modes: { keyword: Token; mode: 'ftfw' | 'alarm' | 'notrack' }[];
  resendQueueSize: number;
  ackWindowSize: number;
  commitTimeout: number;
  commitTimeoutKeyword: Token | undefined;
  purgeTimeout: number;
  refreshTime: number;
  cacheTimeout: number;
  disableInternalCache: boolean;
  disableExternalCache: boolean;
  startupResync: boolean;
  links: LinkConfig[];
  defaultLink: number;
  errorQueueLength: number;
  tcpWindowTracking: boolean;
  expectationSync: boolean;
  expectationHelpers: string[];

  statsKeyword: Token | undefined;
  statsLogFile: string | undefined;
  statsSyslogFacility: SyslogFacility | undefined;

  helperKeyword: Token | undefined;
  helperSetup: boolean;
  helpers: HelperValues[];
  /** What waits for the Type clause that it belongs to, the last one at the end. */
  settings: HelperSetting[];
  /** The policy that holds for each helper, by name and transport: C keeps one for all clauses of a helper. */
  policies: Map<string, HelperPolicy>;
}

export interface FilterValues {
  from: 'userspace' | 'kernelspace';
  protocolLogic: FilterLogic | undefined;
  protocols: Set<number>;
  addressLogic: FilterLogic | undefined;
  /** By the text of the address and prefix. */
  networks: Map<string, Network>;
  stateLogic: FilterLogic | undefined;
  states: Set<number>;
}

export interface HelperValues {
  name: string;
  family: Family;
  transport: 'tcp' | 'udp';
  queueNum: number;
  queueLen: number;
  line: number;
}

export type HelperSetting =
  | { readonly kind: 'queueNum' | 'queueLen'; readonly value: number }
  | { readonly kind: 'policy'; readonly token: Token; readonly policy: HelperPolicy };

export function emptyClauseValues(): ClauseValues {
  return {
    hashSize: 0,
    hashLimit: 0,
    logFile: undefined,
    syslogFacility: undefined,
    lockFile: undefined,
    unixPath: undefined,
    netlinkBufferSize: 0,
    netlinkBufferSizeMaxGrowth: 0,
    overrunResync: 0,
    eventsReliable: false,
    eventIterationLimit: 0,
    pollSeconds: undefined,
    schedulerType: undefined,
    schedulerPriority: 0,
    systemd: undefined,
    filter: undefined,
    syncKeyword: undefined,
    modes: [],
    resendQueueSize: 0,
    ackWindowSize: 0,
    commitTimeout: 0,
    commitTimeoutKeyword: undefined,
    purgeTimeout: 0,
    refreshTime: 0,
    cacheTimeout: 0,
    disableInternalCache: false,
    disableExternalCache: false,
    startupResync: false,
    links: [],
    defaultLink: 0,
    errorQueueLength: 0,
    tcpWindowTracking: false,
    expectationSync: false,
    expectationHelpers: [],
    statsKeyword: undefined,
    statsLogFile: undefined,
    statsSyslogFacility: undefined,
    helperKeyword: undefined,
    helperSetup: false,
    helpers: [],
    settings: [],
    policies: new Map(),
  };
}
