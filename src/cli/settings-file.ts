import { readFileSync } from 'node:fs';
import { ConfigError } from '../config/error.ts';
import type { SourceText } from '../daemon/process/start/handover.ts';
import { settingsPath } from '../settings/path.ts';
import { DEFAULT_SETTINGS, type Settings } from '../settings/settings.ts';
import { say } from './say.ts';

/** The text of the settings file beside a configuration file; undefined if there is none. @throws Error of the system */
export function settingsText(configuration: string): SourceText | undefined {
  const path = settingsPath(configuration);
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Reads our own settings, which lie beside the configuration file, or says why they cannot be read. Null: there are none. */
export function readSettingsText(configuration: string): SourceText | null | undefined {
  try {
    return settingsText(configuration) ?? null;
  } catch (error) {
    say('ERROR', `settings file: ${(error as Error).message}`);
    return undefined;
  }
}

/** Parses our own settings, or says what is wrong with them. Null: the defaults, for which no parser is loaded. */
export async function parseSettingsText(source: SourceText | null): Promise<Settings | undefined> {
  if (source === null) return DEFAULT_SETTINGS;
  const { parseSettings } = await import('../settings/parse.ts');
  try {
    return parseSettings(source.text, source.path);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    say('ERROR', error.message);
    return undefined;
  }
}
