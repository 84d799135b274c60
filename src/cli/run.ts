import { DEFAULTS } from '../config/defaults.ts';
import type { ParsedConfig } from '../config/parse.ts';
import type { Task } from './arguments.ts';
import { readConfiguration, say } from './configuration.ts';
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
  const parsed = readConfiguration(action.configuration);
  if (!parsed) return 1;
  for (const text of warningTexts(parsed, 'read')) say('warning', text);

  if (action.kind === 'request') {
    const { path } = parsed.config.general.unix;
    return runRequest(path ?? '', action.request, process.stdout, process.stderr);
  }
  // Loaded here only: a client needs nothing native, and no settings.
  const { readSettings } = await import('./settings-file.ts');
  const settings = readSettings(action.configuration ?? DEFAULTS.configFile);
  if (!settings) return 1;
  const { serve } = await import('../daemon/process/serve.ts');
  return serve(parsed.config, settings, warningTexts(parsed, 'start'), action.daemon, process.argv[1]!, args);
}
