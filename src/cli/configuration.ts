import { readFileSync, statSync } from 'node:fs';
import { DEFAULTS } from '../config/defaults.ts';
import { ConfigError } from '../config/error.ts';
import { type ParsedConfig, parseConfig } from '../config/parse.ts';
import { processConsole } from '../daemon/process/console.ts';
import { logLine } from '../daemon/process/log-line.ts';

/** Writes a line to standard error as the log has it. */
export function say(priority: 'warning' | 'ERROR', text: string): void {
  processConsole('stderr', logLine(new Date(), process.pid, priority, text));
}

/** When a file was last changed, in nanoseconds since 1970; 0 where that cannot be known. */
export function modificationTime(path: string): bigint {
  try {
    return statSync(path, { bigint: true }).mtimeNs;
  } catch {
    // Reading it says why.
    return 0n;
  }
}

/** Reads the configuration, or prints why it cannot be read. */
export function readConfiguration(path: string = DEFAULTS.configFile): ParsedConfig | undefined {
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
