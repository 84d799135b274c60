import { writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ParsedConfig } from '../config/parse.ts';
import { processConsole } from '../daemon/process/console.ts';
import type { LogFields, Priority } from '../daemon/process/log-entry.ts';
import { entryNow, type LogFormat, logFormatOf } from '../daemon/process/log-format.ts';
import type { DaemonInput } from '../daemon/process/serve.ts';
import { debuggerOptions } from '../daemon/process/start/debugger.ts';
import { HANDOVER_FD, type Starter, startDetached } from '../daemon/process/start/detach.ts';
import {
  runtimeVariables,
  variablesWarning,
  withoutRuntimeVariables,
} from '../daemon/process/start/environment.ts';
import { type Handover, handoverLine } from '../daemon/process/start/handover.ts';
import { givePrivilegesUp, hasMoreThan, planPrivileges } from '../daemon/process/start/privileges.ts';
import { PROCESS_NAME } from '../daemon/process/start/process-name.ts';
import { daemonEnvironment, openSystemd } from '../daemon/process/systemd.ts';
import { DEFAULT_SETTINGS, type Settings } from '../settings/settings.ts';
import { libc } from '../system/libc.ts';
import { duplicateDescriptor, openMemoryFile, replaceProgram } from '../system/process/program.ts';
import { SystemError } from '../system/system-error.ts';
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
  const settingsText = readSettingsText(configuration.path);
  const settings = settingsText === undefined ? undefined : await parseSettingsText(settingsText);
  const format = logFormatOf((settings ?? DEFAULT_SETTINGS).log.format);
  for (const text of warningTexts(parsed, 'read'))
    report(format, 'warning', text, { event: 'configuration' });
  if (settingsText === undefined || settings === undefined) return 1;
  const directory = workingDirectory();
  const handover: Handover = { configuration, modifiedNs, directory, settings: settingsText, args };
  const input = daemonInput(parsed, settings, handover);
  const script = sibling(detached ? 'detached' : 'foreground');
  if (!giveUpPrivileges(input, script, detached ? () => {} : () => startInForeground(script, handover)))
    return 1;
  return detached ? detach(script, handover, parsed, format) : serve(input);
}

/**
 * Gives up what the daemon does not need, and then starts it anew with `restart`, because the threads of this process keep what they
 * have. Returns false, having said why, if the daemon cannot run as the settings say.
 */
function giveUpPrivileges({ config, settings }: DaemonInput, script: string, restart: () => void): boolean {
  const { user } = settings.process;
  const format = logFormatOf(settings.log.format);
  try {
    // Says what is missing for system calls.
    libc();
    const plan = planPrivileges(config, settings);
    if (plan === undefined || !hasMoreThan(plan)) return true;
    givePrivilegesUp(plan, [process.execPath, script]);
  } catch (error) {
    const { message } = error as Error;
    if (error instanceof SystemError && user === undefined) {
      const text = `cannot give up capabilities: ${message}: needs CAP_SETPCAP; keeping all of them`;
      report(format, 'warning', text, { event: 'privileges_kept', reason: message });
      return true;
    }
    const place = error instanceof SystemError ? `user \`${user}' in [process]: ` : '';
    report(format, 'ERROR', place + message, { event: 'start_failed' });
    return false;
  }
  restart();
  return true;
}

/** Runs the daemon in the foreground in the program that {@link runDaemonCommand} became. Resolves to the exit code. */
export async function runInForeground(handover: Handover): Promise<0 | 1> {
  const parsed = parseConfiguration(handover.configuration);
  const settings = await parseSettingsText(handover.settings);
  return parsed && settings ? serve(daemonInput(parsed, settings, handover)) : 1;
}

/** Runs the daemon in the process that {@link runDaemonCommand} started for it. Resolves to the exit code. */
export async function runHandedOver(starter: Starter): Promise<0 | 1> {
  const { handover } = starter;
  const parsed = parseConfiguration(handover.configuration);
  const settings = await parseSettingsText(handover.settings);
  if (!parsed || !settings) return 1;
  const { serveDetached } = await import('../daemon/process/serve.ts');
  return serveDetached(daemonInput(parsed, settings, handover), starter);
}

/** Loads the daemon when it is to run here: a process that starts another one for it needs a third of its time without. */
async function serve(input: DaemonInput): Promise<0 | 1> {
  const { serveInForeground } = await import('../daemon/process/serve.ts');
  return serveInForeground(input);
}

function daemonInput(
  parsed: ParsedConfig,
  settings: Settings,
  { configuration, modifiedNs, directory, args }: Handover,
): DaemonInput {
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

function detach(
  script: string,
  handover: Handover,
  { config }: ParsedConfig,
  format: LogFormat,
): Promise<0 | 1> {
  const systemd = openSystemd(process.env, config.general.systemd);
  return startDetached(script, handover, {
    format,
    environment: withoutRuntimeVariables(daemonEnvironment(process.env)),
    spawned: (pid) => {
      const trouble = systemd.mainPid(pid);
      if (trouble !== undefined) report(format, 'warning', trouble, { event: 'systemd', reason: trouble });
    },
  });
}

/** Writes a line to standard error as the daemon's log will have its own. */
function report(format: LogFormat, priority: Priority, text: string, fields: LogFields): void {
  processConsole('stderr', format.forConsole(entryNow(priority, text, fields)));
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

/** Becomes a program that reads the handover; it has what this thread has of privileges. Does not return. */
function startInForeground(script: string, handover: Handover): never {
  const file = openMemoryFile('handover');
  const bytes = Buffer.from(handoverLine(handover));
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, at);
  duplicateDescriptor(file, HANDOVER_FD);
  // It reads no arguments: they make room for its title, in which they stand.
  replaceProgram(
    process.execPath,
    [PROCESS_NAME, ...process.execArgv, ...debuggerOptions(), script, ...handover.args],
    process.env,
    [0, 1, 2, HANDOVER_FD],
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
