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
import type { Draft, FilterDraft } from './draft.ts';
import { unexpected } from './error.ts';
import type { Token } from './tokens.ts';
import { knownPolicy } from './userspace-helpers.ts';

/** Fills in the defaults, and says what C says once the whole file has been read. */
export function resolve(cursor: Cursor, draft: Draft): Config {
  const general = resolveGeneral(draft);
  const helper = resolveHelper(draft);
  checkCommitTimeout(cursor, draft);
  if (draft.syncKeyword !== undefined) {
    return { mode: 'sync', general, sync: resolveSync(cursor, draft, draft.syncKeyword), helper };
  }
  if (draft.statsKeyword === undefined) {
    cursor.warn({ line: 1, column: 1 }, 'No running mode specified. Defaulting to statistics mode.', 'start');
  }
  const stats: StatsConfig = { logFile: draft.statsLogFile, syslogFacility: draft.statsSyslogFacility };
  return { mode: 'stats', general, stats, helper };
}

function resolveGeneral(draft: Draft): GeneralConfig {
  return {
    hashSize: draft.hashSize || DEFAULTS.hashSize,
    hashLimit: draft.hashLimit || DEFAULTS.hashLimit,
    logFile: draft.logFile,
    syslogFacility: draft.syslogFacility,
    lockFile: draft.lockFile ?? DEFAULTS.lockFile,
    unix: { path: draft.unixPath },
    netlink: {
      bufferSize: draft.netlinkBufferSize,
      bufferSizeMaxGrowth: draft.netlinkBufferSizeMaxGrowth,
      overrunResync: draft.overrunResync || DEFAULTS.overrunResync,
      eventsReliable: draft.eventsReliable,
    },
    eventIterationLimit: draft.eventIterationLimit || DEFAULTS.eventIterationLimit,
    pollSeconds: draft.pollSeconds,
    scheduler:
      draft.schedulerType === undefined
        ? DEFAULTS.scheduler
        : { type: draft.schedulerType, priority: draft.schedulerPriority },
    systemd: draft.systemd ?? DEFAULTS.systemd,
    filter: draft.filter === undefined ? undefined : resolveFilter(draft.filter),
  };
}

function resolveFilter(filter: FilterDraft): FilterConfig {
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

function resolveSync(cursor: Cursor, draft: Draft, keyword: Token): SyncConfig {
  if (draft.links.length === 0) {
    throw unexpected(cursor.file, keyword, "a `Sync' clause without a link", [
      "`Multicast'",
      "`UDP'",
      "`TCP'",
    ]);
  }
  return {
    mode: chooseMode(cursor, draft, keyword),
    resendQueueSize: draft.resendQueueSize || DEFAULTS.resendQueueSize,
    ackWindowSize: draft.ackWindowSize || DEFAULTS.ackWindowSize,
    commitTimeout: draft.commitTimeout || undefined,
    purgeTimeout: draft.purgeTimeout || DEFAULTS.purgeTimeout,
    refreshTime: draft.refreshTime || DEFAULTS.refreshTime,
    cacheTimeout: draft.cacheTimeout || DEFAULTS.cacheTimeout,
    disableInternalCache: draft.disableInternalCache,
    disableExternalCache: draft.disableExternalCache,
    startupResync: draft.startupResync,
    links: draft.links.map((link, index) => ({ ...link, default: index === draft.defaultLink })),
    errorQueueLength: draft.errorQueueLength || DEFAULTS.errorQueueLength,
    options: resolveOptions(draft),
  };
}

function resolveOptions(draft: Draft): SyncOptions {
  const named = draft.expectationSync && draft.expectationHelpers.length > 0;
  return {
    tcpWindowTracking: draft.tcpWindowTracking,
    expectationSync: named ? draft.expectationHelpers : draft.expectationSync,
  };
}

/** Of several modes C takes the first in this order, whatever their order in the file. */
const PRECEDENCE = ['ftfw', 'alarm', 'notrack'] as const;

function chooseMode(cursor: Cursor, draft: Draft, keyword: Token): SyncConfig['mode'] {
  const chosen = PRECEDENCE.find((mode) => draft.modes.some((entry) => entry.mode === mode));
  if (chosen === undefined) {
    cursor.warn(keyword, 'No synchronization mode specified. Defaulting to FT-FW mode.', 'start');
    return 'ftfw';
  }
  const passedOver = draft.modes.find((entry) => entry.mode !== chosen);
  if (passedOver !== undefined) {
    const names = `${passedOver.mode.toUpperCase()} beside ${chosen.toUpperCase()}`;
    cursor.warn(passedOver.keyword, `more than one Mode: ${names}, which holds`, 'start');
  }
  return chosen;
}

function checkCommitTimeout(cursor: Cursor, draft: Draft): void {
  if (!draft.disableExternalCache || draft.commitTimeout === 0) return;
  cursor.warn(
    draft.commitTimeoutKeyword ?? { line: 1, column: 1 },
    "`CommitTimeout' can't be combined with `DisableExternalCache', ignoring this option. Fix your configuration file.",
  );
  draft.commitTimeout = 0;
}

function resolveHelper(draft: Draft): HelperConfig | undefined {
  if (draft.helperKeyword === undefined) return undefined;
  const helpers = draft.helpers.flatMap((helper) => {
    const own = draft.policies.get(`${helper.name}/${helper.transport}`);
    const policy = own ?? knownPolicy(helper.name, helper.transport);
    return policy === undefined ? [] : [{ ...helper, policy }];
  });
  return { setup: draft.helperSetup, helpers };
}
