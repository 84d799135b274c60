import { readFileSync } from 'node:fs';
import { ConfigError } from '../config/error.ts';
import { parseSettings } from '../settings/parse.ts';
import { settingsPath } from '../settings/path.ts';
import { DEFAULT_SETTINGS, type Settings } from '../settings/settings.ts';
import { say } from './configuration.ts';

/** The text of the settings file beside a configuration file; undefined if there is none. @throws Error of the system */
export function settingsText(
  configuration: string,
): { readonly path: string; readonly text: string } | undefined {
  const path = settingsPath(configuration);
  try {
    return { path, text: readFileSync(path, 'utf8') };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Reads our own settings, which lie beside the configuration file, or prints why they cannot be used. */
export function readSettings(configuration: string): Settings | undefined {
  try {
    const found = settingsText(configuration);
    return found === undefined ? DEFAULT_SETTINGS : parseSettings(found.text, found.path);
  } catch (error) {
    const isOurs = error instanceof ConfigError;
    say('ERROR', isOurs ? error.message : `settings file: ${(error as Error).message}`);
    return undefined;
  }
}
