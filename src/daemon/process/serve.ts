import type { Config } from '../../config/config.ts';
import type { Settings } from '../../settings/settings.ts';
import { processConsole } from './console.ts';
import { isDetached, Starter, startDetached } from './detach.ts';
import { logLine } from './log-line.ts';
import { type ConfigurationSource, type Daemon, type RunOptions, runDaemon, StartError } from './run.ts';
import { daemonEnvironment, openSystemd } from './systemd.ts';

/**
 * Runs the daemon: in the foreground until a signal ends it, or (`-d`) in a process of its own. Resolves to the exit
 * code.
 * @param warnings those of the configuration that the daemon logs
 * @param program the script that Node runs
 * @param args the program's arguments, to start it again with
 */
export async function serve(
  config: Config,
  settings: Settings,
  source: ConfigurationSource,
  warnings: readonly string[],
  daemon: boolean,
  program: string,
  args: readonly string[],
): Promise<0 | 1> {
  if (daemon && !isDetached()) {
    const systemd = openSystemd(process.env, config.general.systemd);
    return startDetached(program, args, {
      environment: daemonEnvironment(process.env),
      spawned: (pid) => {
        const trouble = systemd.mainPid(pid);
        if (trouble !== undefined) {
          processConsole('stderr', logLine(new Date(), process.pid, 'warning', trouble));
        }
      },
    });
  }
  const options = { configuration: source, warnings };
  return daemon ? runDetached(config, settings, options) : runInForeground(config, settings, options);
}

type SourceOptions = Pick<RunOptions, 'configuration' | 'warnings'>;

async function runInForeground(config: Config, settings: Settings, options: SourceOptions): Promise<0 | 1> {
  const startMessage = '-- starting in console mode --';
  const running = await start(config, settings, { ...options, console: processConsole, startMessage });
  if (!running) return 1;
  obeySignals(running);
  await running.stopped;
  return 0;
}

async function runDetached(config: Config, settings: Settings, options: SourceOptions): Promise<0 | 1> {
  // Not earlier: the configuration file may be named from where the program was started.
  process.chdir('/');
  const starter = new Starter();
  const startMessage = '-- starting in daemon mode --';
  const running = await start(config, settings, { ...options, console: starter.console, startMessage });
  if (!running) return 1;
  obeySignals(running);
  starter.ready();
  await running.stopped;
  return 0;
}

async function start(config: Config, settings: Settings, options: RunOptions): Promise<Daemon | undefined> {
  // As the C node: whatever the daemon creates is its owner's alone.
  process.umask(0o177);
  try {
    return await runDaemon(config, settings, options);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    options.console('stderr', logLine(new Date(), process.pid, 'ERROR', error.message));
    return undefined;
  }
}

function obeySignals(daemon: Daemon): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void daemon.stop());
  process.on('SIGHUP', () => daemon.reopenLog());
}
