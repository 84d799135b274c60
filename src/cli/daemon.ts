import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ParsedConfig } from '../config/parse.ts';
import { processConsole } from '../daemon/process/console.ts';
import { logLine } from '../daemon/process/log-line.ts';
import { type DaemonInput, serveDetached, serveInForeground } from '../daemon/process/serve.ts';
import { type Starter, startDetached } from '../daemon/process/start/detach.ts';
import {
  runtimeVariables,
  variablesWarning,
  withoutRuntimeVariables,
} from '../daemon/process/start/environment.ts';
import type { Handover } from '../daemon/process/start/handover.ts';
import { PROCESS_NAME } from '../daemon/process/start/process-name.ts';
import { daemonEnvironment, openSystemd } from '../daemon/process/systemd.ts';
import { replaceProgram } from '../system/process/program.ts';
import {
  modificationTime,
  parseConfiguration,
  readConfigurationText,
  warningTexts,
} from './configuration.ts';
import { say } from './say.ts';
import { parseSettingsText, readSettingsText } from './settings-file.ts';

/**
 * Runs the daemon: in the foreground until it ends, or (`-d`) in a process of its own until it works. Resolves to the exit code.
 * @param args the program's arguments
 * @param path of the configuration, where one is given
 */
export async function runDaemonCommand(
  args: readonly string[],
  detached: boolean,
  path: string | undefined,
): Promise<0 | 1> {
  const variables = runtimeVariables(process.env);
  if (variables.length > 0) {
    say('warning', variablesWarning(variables));
    // Before anything is read: standard input may be the configuration.
    startWithCleanEnvironment(args, path);
  }

  // Before it is read: a change from here on is none that the daemon knows of.
  const modifiedNs = String(modificationTime(path));
  const configuration = readConfigurationText(path);
  const parsed = configuration && parseConfiguration(configuration);
  if (!parsed) return 1;
  for (const text of warningTexts(parsed, 'read')) say('warning', text);
  const settings = readSettingsText(configuration.path);
  if (settings === undefined) return 1;
  const handover: Handover = { configuration, modifiedNs, directory: workingDirectory(), settings, args };
  const input = daemonInput(parsed, handover);
  if (!input) return 1;
  return detached ? detach(handover, parsed) : serveInForeground(input);
}

/** Runs the daemon in the process that {@link runDaemonCommand} started for it. Resolves to the exit code. */
export async function runHandedOver(starter: Starter): Promise<0 | 1> {
  const { handover } = starter;
  const parsed = parseConfiguration(handover.configuration);
  const input = parsed && daemonInput(parsed, handover);
  return input ? serveDetached(input, starter) : 1;
}

function daemonInput(
  parsed: ParsedConfig,
  { configuration, modifiedNs, directory, settings: settingsText, args }: Handover,
): DaemonInput | undefined {
  const settings = parseSettingsText(settingsText);
  if (!settings) return undefined;
  return {
    config: parsed.config,
    settings,
    source: {
      path: resolve(directory, configuration.path),
      modifiedNs: BigInt(modifiedNs),
      readWarnings: warningTexts(parsed, 'read'),
    },
    warnings: warningTexts(parsed, 'start'),
    args,
  };
}

function detach(handover: Handover, { config }: ParsedConfig): Promise<0 | 1> {
  const systemd = openSystemd(process.env, config.general.systemd);
  return startDetached(sibling('detached'), handover, {
    environment: withoutRuntimeVariables(daemonEnvironment(process.env)),
    spawned: (pid) => {
      const trouble = systemd.mainPid(pid);
      if (trouble !== undefined) {
        processConsole('stderr', logLine(new Date(), process.pid, 'warning', trouble));
      }
    },
  });
}

/** Node has read the variables already, so it starts anew without them, in this process. */
function startWithCleanEnvironment(args: readonly string[], configuration: string | undefined): void {
  const named = /^\/(?:dev|proc\/self)\/fd\/(\d+)$/.exec(configuration ?? '');
  replaceProgram(
    process.execPath,
    [PROCESS_NAME, ...process.execArgv, process.argv[1]!, ...args],
    withoutRuntimeVariables(process.env),
    [...new Set([0, 1, 2, ...(named ? [Number(named[1])] : [])])],
  );
}

/** The path of a script beside this one, from the sources and from the built program alike. */
function sibling(name: string): string {
  const own = fileURLToPath(import.meta.url);
  return own.replace(/[^/]+(\.[jt]s)$/, `${name}$1`);
}

/** `/` where the working directory was removed. */
function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    return '/';
  }
}
