import { chdir } from 'node:process';
import type { Config } from '../../config/config.ts';
import type { Settings } from '../../settings/settings.ts';
import { limitNativeCaches, withoutHeapGrowth } from '../../system/process/heap.ts';
import { type Console, processConsole } from './console.ts';
import { entryNow, logFormatOf } from './log-format.ts';
import { type ConfigurationSource, type Daemon, runDaemon, StartError, StoppedError } from './run.ts';
import { closeDebugger, ignoreDebuggerSignal } from './start/debugger.ts';
import type { Starter } from './start/detach.ts';
import { nameProcess } from './start/process-name.ts';
import { listenForStop } from './start/stop-signals.ts';

/** What a daemon is started with. */
export interface DaemonInput {
  readonly config: Config;
  readonly settings: Settings;
  readonly source: ConfigurationSource;
  /** The warnings about the configuration, for the log. */
  readonly warnings: readonly string[];
  /** The program's arguments. */
  readonly args: readonly string[];
}

/** Runs the daemon in the foreground until a signal or `-k` ends it. Resolves to the exit code. */
export async function serveInForeground(input: DaemonInput): Promise<0 | 1> {
  return serve(input, processConsole, '-- starting in console mode --', () => {});
}

/** Runs the daemon in the process that `-d` started for it. Resolves to the exit code. */
export async function serveDetached(input: DaemonInput, starter: Starter): Promise<0 | 1> {
  return serve(input, starter.console, '-- starting in daemon mode --', () => {
    starter.ready();
    starter.letGoOfTerminal();
  });
}

async function serve(
  { config, settings, source, warnings, args }: DaemonInput,
  console: Console,
  startMessage: string,
  ready: () => void,
): Promise<0 | 1> {
  limitNativeCaches();
  ignoreDebuggerSignal();
  closeDebugger();
  const stop = listenForStop();
  nameProcess(args);
  // As the C node: it works in `/`, and whatever it creates is its owner's alone.
  chdir('/');
  process.umask(0o177);
  let daemon: Daemon;
  try {
    const options = { configuration: source, console, warnings, startMessage, stop };
    daemon = await withoutHeapGrowth(() => runDaemon(config, settings, options));
  } catch (error) {
    // All is cleaned up; what the start was waiting for is not worth the wait.
    if (error instanceof StoppedError) process.exit(0);
    if (!(error instanceof StartError)) throw error;
    const entry = entryNow('ERROR', error.message, { event: 'start_failed' });
    console('stderr', logFormatOf(settings.log.format).forConsole(entry));
    return 1;
  }
  process.on('SIGHUP', () => daemon.reopenLog());
  // Node may have been about to open it when the signal got its handler.
  closeDebugger();
  ready();
  await daemon.stopped;
  return 0;
}
