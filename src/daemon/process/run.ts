import { AssertionError } from '../../bytes/assert.ts';
import type { Config } from '../../config/config.ts';
import { memoryTrouble } from '../../config/memory-need.ts';
import { type ControlServer, openControlSocket } from '../../control/server.ts';
import { VERSION } from '../../control/version.ts';
import type { Settings } from '../../settings/settings.ts';
import { openEventLoop } from '../../system/loop/event-loop.ts';
import { memoryLimit } from '../../system/process/memory-limit.ts';
import { PROCESS_RUNTIME } from '../common/runtime.ts';
import type { OpenHelpers } from '../helper/open-helpers.ts';
import { type LauncherOptions, LauncherServer } from '../launcher/launcher-server.ts';
import { type ConfigurationFile, RunDirectory, runDirectoryBase } from '../launcher/run-directory.ts';
import { isWarmUpEnabled } from '../warm-up/warm-up-enabled.ts';
import { CleanupStack } from './cleanup-stack.ts';
import type { Console } from './console.ts';
import { DescriptorWatch } from './descriptor-watch.ts';
import { isSwitchedOn } from './environment-switch.ts';
import { LockFile } from './lock-file.ts';
import { Log } from './log.ts';
import type { LogFields } from './log-entry.ts';
import { type LogFormat, logFormatOf } from './log-format.ts';
import { MemoryWatch } from './memory-watch.ts';
import type { DaemonHooks, RunningMode } from './mode.ts';
import { Scheduler } from './scheduler.ts';
import { unlessStopped } from './start/stop-signals.ts';
import { openSyslog } from './syslog.ts';
import { openSystemd } from './systemd.ts';
import { unsupportedSettings } from './unsupported.ts';

/** The daemon cannot start: one line with the reason and what to do. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

/** Where the configuration came from. */
export interface ConfigurationSource extends ConfigurationFile {
  /** Warnings about it that clients print, too. */
  readonly readWarnings: readonly string[];
}

/** The daemon got a stop signal while it started. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

export interface RunOptions {
  /** The file that the configuration was read from. */
  readonly configuration: ConfigurationSource;
  /** Takes log lines until the process is a daemon. */
  readonly console: Console;
  /** The warnings about the configuration, for the log. */
  readonly warnings: readonly string[];
  /** The last line before the daemon works: `-- starting in daemon mode --`. */
  readonly startMessage: string;
  /** Stops the daemon, also while it starts. */
  readonly stop: AbortSignal;
}

/** A daemon that works. */
export interface Daemon {
  /** Stops it in order: closes the sockets, removes the lock file. Resolves when all is closed. */
  stop(): Promise<void>;
  /** Resolves when it has stopped, by {@link stop} or by `-k`. */
  readonly stopped: Promise<void>;
  /** Opens the log files again. */
  reopenLog(): void;
}

/**
 * Starts the daemon that the configuration and our own settings describe, and resolves when it works.
 * @throws StartError, and StoppedError when `options.stop` aborts meanwhile; with nothing left behind
 */
export async function runDaemon(config: Config, settings: Settings, options: RunOptions): Promise<Daemon> {
  const unsupported = unsupportedSettings(config, settings);
  if (unsupported !== undefined) throw new StartError(unsupported);
  const opened = new CleanupStack();
  try {
    return await open(config, settings, options, opened);
  } catch (error) {
    await opened.close();
    if (error === options.stop.reason) throw new StoppedError('stopped', { cause: error });
    throw new StartError((error as Error).message, { cause: error });
  }
}

async function open(
  config: Config,
  settings: Settings,
  options: RunOptions,
  opened: CleanupStack,
): Promise<Daemon> {
  const { general } = config;
  const { stop: stopRequest } = options;
  stopRequest.throwIfAborted();
  const lock = LockFile.take(general.lockFile);
  opened.add(() => lock.release());
  const log = openLog(config, options.console, logFormatOf(settings.log.format));
  opened.add(() => log.close());
  for (const warning of options.warnings) log.warning(warning, { event: 'configuration' });

  const warn = (trouble: string | undefined, fields?: LogFields): void => {
    if (trouble !== undefined) log.warning(trouble, fields);
  };
  const systemd = openSystemd(process.env, general.systemd);
  warn(systemd.warning);
  const announceStop = (): void => {
    warn(systemd.stopping());
    log.notice('---- shutdown received ----', { event: 'stopping' });
  };
  stopRequest.addEventListener('abort', announceStop, { once: true });
  const scheduler = new Scheduler(general.scheduler, warn);
  const warmsUp = isWarmUpEnabled(process.env, warn);
  const eventLoop = await unlessStopped(openEventLoop(process.env, warn), stopRequest);
  log.info(`event loop: ${eventLoop.description}`, { event: 'event_loop' });

  const limit = memoryLimit();
  if (limit !== undefined) {
    const trouble = memoryTrouble(config, limit);
    warn(
      trouble && `${trouble}: raise MemoryMax= of the unit or the limit of the container, or lower HashLimit`,
      { event: 'memory_limit_low', limit_bytes: limit },
    );
    const memory = new MemoryWatch(limit, log);
    opened.add(() => memory.close());
  }
  const descriptors = new DescriptorWatch(log, () => server?.suspend());
  opened.add(() => descriptors.close());
  let server: ControlServer | undefined;
  const { stop, stopped } = stopper(opened, announceStop);
  const begun = performance.now();
  const hooks: DaemonHooks = {
    kill: () => void stop(),
    localCounters: () => server?.counters ?? { readFailed: 0, unknownRequest: 0 },
    resources: () => ({
      outOfDescriptors: descriptors.timesOut,
      logLinesLost: log.linesLost,
      logLinesLeftOut: log.linesLeftOut,
    }),
    uptime: () => Math.floor((performance.now() - begun) / 1000),
    helperStatistics: () => helpers?.service.statistics,
  };
  const fastPaths = isSwitchedOn('CONNTRACKD_TS_FAST_PATHS', process.env, warn);
  const mode = await openMode(config, settings, log, opened, hooks, fastPaths);
  stopRequest.throwIfAborted();
  // Before the control socket, which asks for their statistics.
  let helpers: OpenHelpers | undefined;
  if (config.helper) {
    const { openHelpers } = await import('../helper/open-helpers.ts');
    helpers = await openHelpers(config.helper, settings.helper, log, opened, PROCESS_RUNTIME.now);
  }

  let isReady = false;
  const { listen } = settings.metrics;
  if (listen !== undefined) {
    // Loaded here only: an HTTP server costs memory.
    const { openMetrics } = await import('../metrics/open-metrics.ts');
    const unready = (): string | undefined =>
      isReady ? undefined : "the daemon is starting: it reads the kernel's table";
    await openMetrics(listen, { figures: () => mode.figures(), unready }, log, opened);
  }

  if (general.unix.path !== undefined) {
    const onError = (error: unknown, request: number): void => {
      log.error(`request ${request}: ${(error as Error).stack ?? error}`, {
        event: 'request_failed',
        request,
        reason: String(error),
      });
      // After a failed assertion nothing in memory can be trusted: the daemon ends.
      if (error instanceof AssertionError) throw error;
    };
    const listening = await openControlSocket(general.unix.path, mode.handler, {
      onError,
      report: (text) => log.warning(text, { event: 'control_socket' }),
    });
    server = listening;
    opened.add(() => listening.close());
    const { configuration } = options;
    const launcher = openLauncher(configuration, {
      handler: mode.handler,
      warnings: configuration.readWarnings,
      log,
      onError,
    });
    opened.add(() => launcher?.close());
  }
  await unlessStopped(mode.start(), stopRequest);
  isReady = true;
  // The node listens by now: it learns of the first expectation.
  helpers?.start();
  log.notice('initialization completed', { event: 'initialized' });
  log.notice(options.startMessage, { event: 'started', version: VERSION });
  const { watchdogInterval } = systemd;
  if (watchdogInterval !== undefined) {
    const watchdog = setInterval(() => warn(systemd.watchdog()), watchdogInterval);
    opened.add(() => clearInterval(watchdog));
  }
  warn(systemd.ready());
  stopRequest.removeEventListener('abort', announceStop);
  stopRequest.addEventListener('abort', () => void stop(), { once: true });
  if (warmsUp) void mode.warmUp?.((work) => scheduler.runAtNormalPriority(work));
  return { stop, stopped, reopenLog: () => reopenLogs(log, mode) };
}

/** Clients start faster with it, and go without where it cannot be: the system is no other for it. */
function openLauncher(
  configuration: ConfigurationSource,
  options: LauncherOptions & { readonly log: Log },
): LauncherServer | undefined {
  const base = runDirectoryBase(process.env);
  if (base === undefined) return undefined;
  try {
    return new LauncherServer(RunDirectory.make(base, configuration), options);
  } catch (error) {
    options.log.info(`no FIFOs for clients: ${(error as Error).message}`, {
      event: 'no_client_fifos',
      reason: (error as Error).message,
    });
    return undefined;
  }
}

/** Loads the mode that is configured, and no other: each takes time and memory. */
async function openMode(
  config: Config,
  settings: Settings,
  log: Log,
  opened: CleanupStack,
  hooks: DaemonHooks,
  fastPaths: boolean,
): Promise<RunningMode> {
  if (config.mode === 'helper') {
    const { openHelperMode } = await import('../helper/helper-mode.ts');
    return openHelperMode(config, hooks);
  }
  if (config.mode === 'stats') {
    const { openStatsMode } = await import('../stats/stats-mode.ts');
    return openStatsMode(config, log, opened, hooks, fastPaths);
  }
  const { openSyncMode } = await import('../sync/sync-mode.ts');
  return openSyncMode(config, settings, log, opened, hooks, fastPaths);
}

/** Continues in the old file where a log cannot be opened again. */
function reopenLogs(log: Log, mode: RunningMode): void {
  try {
    log.reopen();
  } catch (error) {
    log.error((error as Error).message);
  }
  mode.reopenLogs?.();
}

function openLog({ general }: Config, console: Console, format: LogFormat): Log {
  const { logFile, syslogFacility } = general;
  const syslog = syslogFacility === undefined ? undefined : openSyslog(syslogFacility);
  return new Log(console, logFile, syslog, format);
}

/** `stop` closes everything once, however often it is called; `begin` is called first. */
function stopper(
  opened: CleanupStack,
  begin: () => void,
): { stop: () => Promise<void>; stopped: Promise<void> } {
  let finish = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (!stopping) {
      stopping = true;
      begin();
      await opened.close();
      finish();
    }
    return stopped;
  };
  return { stop, stopped };
}
