import { readFileSync } from 'node:fs';
import { ConfigError } from '../config/error.ts';
import { type ParsedConfig, parseConfig } from '../config/parse.ts';
import { processConsole } from '../daemon/process/console.ts';
import { logLine } from '../daemon/process/log-line.ts';
import type { Task } from './arguments.ts';
import { runRequest } from './request.ts';

const DEFAULT_CONFIGURATION = '/etc/conntrackd/conntrackd.conf';

/** When a warning about the configuration is logged: a client logs only those that C logs on reading. */
type WarningTime = ParsedConfig['warnings'][number]['when'];

function say(priority: 'warning' | 'ERROR', text: string): void {
  processConsole('stderr', logLine(new Date(), process.pid, priority, text));
}

/** Reads the configuration; logs the reason and returns undefined if that fails. */
function readConfiguration(path: string): ParsedConfig | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    say('ERROR', `can't open config file \`${path}': ${(error as Error).message}`);
    return undefined;
  }
  try {
    return parseConfig(text, path);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    say('ERROR', error.message);
    return undefined;
  }
}

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
  if (action.kind === 'doctor') {
    const { runDoctor } = await import('./doctor/doctor.ts');
    return runDoctor(action.rest, process);
  }
  const parsed = readConfiguration(action.configuration ?? DEFAULT_CONFIGURATION);
  if (!parsed) return 1;
  for (const text of warningTexts(parsed, 'read')) say('warning', text);

  if (action.kind === 'request') {
    const { path } = parsed.config.general.unix;
    return runRequest(path ?? '', action.request, process.stdout, process.stderr);
  }
  // Loaded here only: a client needs nothing native.
  const { serve } = await import('../daemon/process/serve.ts');
  return serve(parsed.config, warningTexts(parsed, 'start'), action.daemon, process.argv[1]!, args);
}
