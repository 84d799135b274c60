import { resolve } from 'node:path';
import { DEFAULTS } from '../config/defaults.ts';
import type { ParsedConfig } from '../config/parse.ts';
import type { Task } from './arguments.ts';
import { modificationTime, readConfiguration, say } from './configuration.ts';
import { runRequest } from './request.ts';

/** When a warning about the configuration is logged: a client logs only those that C logs on reading. */
type WarningTime = ParsedConfig['warnings'][number]['when'];

function warningTexts({ warnings }: ParsedConfig, time: WarningTime): string[] {
  return warnings.filter(({ when }) => when === time).map(({ message }) => message);
}

/**
 * Does what a command line asks for. Resolves to the exit code.
 * @param args the program's arguments, to start it again with
 */
export async function run(action: Task, args: readonly string[]): Promise<0 | 1> {
  if (action.kind === 'decode') {
    const { runDecode } = await import('./capture/decode.ts');
    return runDecode(action.rest, process);
  }
  if (action.kind === 'role') {
    const { runRole } = await import('./role.ts');
    return runRole(action.rest, process);
  }
  if (action.kind === 'doctor') {
    const { runDoctor } = await import('./doctor/doctor.ts');
    return runDoctor(action.rest, process);
  }
  return action.kind === 'request' ? ask(action) : runNode(action, args);
}

async function ask({ configuration, request }: Extract<Task, { kind: 'request' }>): Promise<0 | 1> {
  const parsed = readAndWarn(configuration);
  if (!parsed) return 1;
  return runRequest(parsed.config.general.unix.path ?? '', request, process.stdout, process.stderr);
}

async function runNode(
  { configuration, daemon }: Extract<Task, { kind: 'run' }>,
  args: readonly string[],
): Promise<0 | 1> {
  const path = configuration ?? DEFAULTS.configFile;
  // Before it is read: a change from here on is none that the daemon knows of.
  const modifiedNs = modificationTime(path);
  const parsed = readAndWarn(configuration);
  if (!parsed) return 1;
  // Loaded here only: a client needs nothing native, and no settings.
  const { readSettings } = await import('./settings-file.ts');
  const settings = readSettings(path);
  if (!settings) return 1;
  const { serve } = await import('../daemon/process/serve.ts');
  const source = { path: resolve(path), modifiedNs, readWarnings: warningTexts(parsed, 'read') };
  const warnings = warningTexts(parsed, 'start');
  return serve(parsed.config, settings, source, warnings, daemon, process.argv[1]!, args);
}

function readAndWarn(configuration: string | undefined): ParsedConfig | undefined {
  const parsed = readConfiguration(configuration);
  if (parsed) for (const text of warningTexts(parsed, 'read')) say('warning', text);
  return parsed;
}
