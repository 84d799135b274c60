import { readFileSync, statSync } from 'node:fs';
import { DEFAULTS } from '../config/defaults.ts';
import { ConfigError } from '../config/error.ts';
import { type ParsedConfig, parseConfig } from '../config/parse.ts';
import type { SourceText } from '../daemon/process/start/handover.ts';
import { say } from './say.ts';

/** When a configuration file was last changed, in nanoseconds since 1970; 0 where that cannot be known. */
export function modificationTime(path: string = DEFAULTS.configFile): bigint {
  try {
    return statSync(path, { bigint: true }).mtimeNs;
  } catch {
    // Reading it says why.
    return 0n;
  }
}

/** Reads the text of the configuration, or says why it cannot be read. */
export function readConfigurationText(path: string = DEFAULTS.configFile): SourceText | undefined {
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    say('ERROR', `can't open config file \`${path}': ${(error as Error).message}`);
    return undefined;
  }
}

/** Parses a configuration, or says what is wrong with it. */
export function parseConfiguration({ path, text }: SourceText): ParsedConfig | undefined {
  try {
    return parseConfig(text, path);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    say('ERROR', error.message);
    return undefined;
  }
}

/** Reads and parses the configuration, or says why it cannot be used. */
export function readConfiguration(path?: string): ParsedConfig | undefined {
  const source = readConfigurationText(path);
  return source && parseConfiguration(source);
}

/** When a warning about the configuration is logged: a client logs only those that C logs on reading. */
type WarningTime = ParsedConfig['warnings'][number]['when'];

export function warningTexts({ warnings }: ParsedConfig, time: WarningTime): string[] {
  return warnings.filter(({ when }) => when === time).map(({ message }) => message);
}
