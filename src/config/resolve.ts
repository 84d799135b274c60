import type { ClauseValues, FilterValues } from './clause-values.ts';
import type {
  Config,
  FilterConfig,
  GeneralConfig,
  HelperConfig,
  StatsConfig,
  SyncConfig,
  SyncOptions,
} from './config.ts';
import type { Cursor } from './cursor.ts';
import { DEFAULTS } from './defaults.ts';
import { unexpected } from './error.ts';
import type { Token } from './tokens.ts';
import { knownPolicy } from './userspace-helpers.ts';

/** Fills in the defaults, and makes the checks that C makes once it has read the whole file. */
export function resolve(cursor: Cursor, values: ClauseValues): Config {
  const general = resolveGeneral(values);
  const helper = resolveHelper(values);
  warnOfPolling(cursor, values);
  checkCommitTimeout(cursor, values);
  if (values.syncKeyword !== undefined) {
    return { mode: 'sync', general, sync: resolveSync(cursor, values, values.syncKeyword), helper };
  }
  if (values.statsKeyword === undefined) {
    if (helper !== undefined) return { mode: 'helper', general, helper };
    cursor.warn({ line: 1, column: 1 }, 'No running mode specified. Defaulting to statistics mode.', 'start');
  }
  const stats: StatsConfig = { logFile: values.statsLogFile, syslogFacility: values.statsSyslogFacility };
  return { mode: 'stats', general, stats, helper };
}

function resolveGeneral(values: ClauseValues): GeneralConfig {
  return {
    hashSize: values.hashSize || DEFAULTS.hashSize,
    hashLimit: values.hashLimit || DEFAULTS.hashLimit,
    logFile: values.logFile,
    syslogFacility: values.syslogFacility,
    lockFile: values.lockFile ?? DEFAULTS.lockFile,
    unix: { path: values.unixPath },
    netlink: {
      bufferSize: values.netlinkBufferSize,
      bufferSizeMaxGrowth: values.netlinkBufferSizeMaxGrowth,
      overrunResync: values.overrunResync || DEFAULTS.overrunResync,
      eventsReliable: values.eventsReliable,
    },
    eventIterationLimit: values.eventIterationLimit || DEFAULTS.eventIterationLimit,
    pollSeconds: values.pollSeconds,
    scheduler:
      values.schedulerType === undefined
        ? DEFAULTS.scheduler
        : { type: values.schedulerType, priority: values.schedulerPriority },
    systemd: values.systemd ?? DEFAULTS.systemd,
    filter: values.filter === undefined ? undefined : resolveFilter(values.filter),
  };
}

function resolveFilter(filter: FilterValues): FilterConfig {
  const { protocolLogic, addressLogic, stateLogic } = filter;
  return {
    from: filter.from,
    protocols: protocolLogic && { logic: protocolLogic, numbers: ascending(filter.protocols) },
    addresses: addressLogic && { logic: addressLogic, networks: [...filter.networks.values()] },
    tcpStates: stateLogic && { logic: stateLogic, states: ascending(filter.states) },
  };
}

function ascending(numbers: ReadonlySet<number>): number[] {
  return [...numbers].sort((a, b) => a - b);
}

function resolveSync(cursor: Cursor, values: ClauseValues, keyword: Token): SyncConfig {
  if (values.links.length === 0) {
    throw unexpected(cursor.file, keyword, "a `Sync' clause without a link", [
      "`Multicast'",
      "`UDP'",
      "`TCP'",
    ]);
  }
  return {
    mode: chooseMode(cursor, values, keyword),
    resendQueueSize: values.resendQueueSize || DEFAULTS.resendQueueSize,
    ackWindowSize: values.ackWindowSize || DEFAULTS.ackWindowSize,
    commitTimeout: values.commitTimeout || undefined,
    purgeTimeout: values.purgeTimeout || DEFAULTS.purgeTimeout,
    refreshTime: values.refreshTime || DEFAULTS.refreshTime,
    cacheTimeout: values.cacheTimeout || DEFAULTS.cacheTimeout,
    disableInternalCache: values.disableInternalCache,
    disableExternalCache: values.disableExternalCache,
    startupResync: values.startupResync,
    links: values.links.map((link, index) => ({ ...link, default: index === values.defaultLink })),
    errorQueueLength: values.errorQueueLength || DEFAULTS.errorQueueLength,
    options: resolveOptions(values),
  };
}

function resolveOptions(values: ClauseValues): SyncOptions {
  const named = values.expectationSync && values.expectationHelpers.length > 0;
  return {
    tcpWindowTracking: values.tcpWindowTracking,
    expectationSync: named ? values.expectationHelpers : values.expectationSync,
  };
}

/** Of several modes C takes the first in this order, whatever their order in the file. */
const PRECEDENCE = ['ftfw', 'alarm', 'notrack'] as const;

function chooseMode(cursor: Cursor, values: ClauseValues, keyword: Token): SyncConfig['mode'] {
  const chosen = PRECEDENCE.find((mode) => values.modes.some((entry) => entry.mode === mode));
  if (chosen === undefined) {
    cursor.warn(keyword, 'No synchronization mode specified. Defaulting to FT-FW mode.', 'start');
    return 'ftfw';
  }
  const ignored = values.modes.find((entry) => entry.mode !== chosen);
  if (ignored !== undefined) {
    const names = `${ignored.mode.toUpperCase()} beside ${chosen.toUpperCase()}`;
    cursor.warn(ignored.keyword, `more than one Mode: ${names}, which holds`, 'start');
  }
  return chosen;
}

function warnOfPolling(cursor: Cursor, values: ClauseValues): void {
  if (values.pollSeconds === undefined || !values.eventsReliable) return;
  cursor.warn(
    { line: 1, column: 1 },
    `\`PollSecs' reads the kernel's table every ${values.pollSeconds} s and listens to no events: ` +
      "`NetlinkEventsReliable' has no effect, and flows that begin and end in between are not replicated",
    'start',
  );
}

function checkCommitTimeout(cursor: Cursor, values: ClauseValues): void {
  if (!values.disableExternalCache || values.commitTimeout === 0) return;
  cursor.warn(
    values.commitTimeoutKeyword ?? { line: 1, column: 1 },
    "`CommitTimeout' can't be combined with `DisableExternalCache', ignoring this option. Fix your configuration file.",
  );
  values.commitTimeout = 0;
}

function resolveHelper(values: ClauseValues): HelperConfig | undefined {
  if (values.helperKeyword === undefined) return undefined;
  const helpers = values.helpers.flatMap((helper) => {
    const own = values.policies.get(`${helper.name}/${helper.transport}`);
    const policy = own ?? knownPolicy(helper.name, helper.transport);
    return policy === undefined ? [] : [{ ...helper, policy }];
  });
  return { setup: values.helperSetup, helpers };
}
