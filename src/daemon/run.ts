import type { Config } from '../config/config.ts';
import { type ControlServer, openControlSocket } from '../control/server.ts';
import { LockFile } from './lock-file.ts';
import { type Console, Log } from './log.ts';
import type { DaemonHooks } from './mode.ts';
import { Opened } from './opened.ts';
import { notYetEffective, refusal } from './support.ts';
import { openSyncMode } from './sync-mode.ts';
import { openSyslog } from './syslog.ts';

/** The daemon cannot start: one line that says why, and what to do. */
export class StartError extends Error {
  override readonly name = 'StartError';
}

export interface RunOptions {
  /** Takes log lines until the process is a daemon. */
  readonly console: Console;
  /** The warnings about the configuration, for the log. */
  readonly warnings: readonly string[];
  /** Said last before the daemon works: `-- starting in daemon mode --`. */
  readonly greeting: string;
}

/** A daemon that works. */
export interface Daemon {
  /** Ends it in order: the sockets closed, the lock file removed. Resolves when nothing is left. */
  stop(): Promise<void>;
  /** Resolves when it has stopped, by {@link stop} or by `-k`. */
  readonly stopped: Promise<void>;
  /** Opens the log file anew. */
  reopenLog(): void;
}

/**
 * Starts the daemon that the configuration describes, and resolves when it works.
 * @throws StartError, with nothing left behind
 */
export async function runDaemon(config: Config, options: RunOptions): Promise<Daemon> {
  const unsupported = refusal(config);
  if (unsupported !== undefined) throw new StartError(unsupported);
  const opened = new Opened();
  try {
    return await open(config, options, opened);
  } catch (error) {
    await opened.close();
    throw new StartError((error as Error).message, { cause: error });
  }
}

async function open(config: Config, options: RunOptions, opened: Opened): Promise<Daemon> {
  const { general } = config;
  const lock = LockFile.take(general.lockFile);
  opened.add(() => lock.release());
  const log = openLog(config, options.console);
  opened.add(() => log.close());
  for (const warning of options.warnings) log.warning(warning);
  for (const clause of notYetEffective(config)) log.warning(`\`${clause}' is not yet effective, ignoring`);

  let server: ControlServer | undefined;
  const { stop, stopped } = stopper(log, opened);
  const begun = performance.now();
  const hooks: DaemonHooks = {
    kill: () => void stop(),
    localCounters: () => server?.counters ?? { readFailed: 0, unknownRequest: 0 },
    uptime: () => Math.floor((performance.now() - begun) / 1000),
  };
  const mode = await openMode(config, log, opened, hooks);

  if (general.unix.path !== undefined) {
    const listening = await openControlSocket(general.unix.path, mode.handler, {
      onError: (error, request) => log.error(`request ${request}: ${(error as Error).stack ?? error}`),
    });
    server = listening;
    opened.add(() => listening.close());
  }
  await mode.start();
  log.notice('initialization completed');
  log.notice(options.greeting);
  return { stop, stopped, reopenLog: () => log.reopen() };
}

function openMode(config: Config, log: Log, opened: Opened, hooks: DaemonHooks) {
  if (config.mode === 'stats') throw new StartError('the Stats clause is not supported');
  return openSyncMode(config, log, opened, hooks);
}

function openLog({ general }: Config, console: Console): Log {
  const { logFile, syslogFacility } = general;
  return new Log(console, logFile, syslogFacility === undefined ? undefined : openSyslog(syslogFacility));
}

/** Closes everything once, however often it is asked for. */
function stopper(log: Log, opened: Opened): { stop: () => Promise<void>; stopped: Promise<void> } {
  let finish = (): void => {};
  const stopped = new Promise<void>((resolve) => {
    finish = resolve;
  });
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (!stopping) {
      stopping = true;
      log.notice('---- shutdown received ----');
      await opened.close();
      finish();
    }
    return stopped;
  };
  return { stop, stopped };
}
