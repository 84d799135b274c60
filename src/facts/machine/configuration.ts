/** The configuration file and our own settings file. */

import { readFileSync } from 'node:fs';
import { ConfigError } from '../../config/error.ts';
import { parseConfig } from '../../config/parse.ts';
import { parseSettings } from '../../settings/parse.ts';
import { settingsPath } from '../../settings/path.ts';
import type { ConfigurationFact, SettingsFact } from '../facts.ts';
import { messageOf } from './look.ts';

export function settingsAt(configuration: string): SettingsFact {
  const path = settingsPath(configuration);
  try {
    return { path, state: 'usable', ours: parseSettings(readFileSync(path, 'utf8'), path) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return { path, state: 'absent' };
    return { path, state: 'unusable', why: (error as Error).message };
  }
}

export function configurationAt(path: string): ConfigurationFact {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return { path, trouble: `${path}: ${messageOf(error)}` };
  }
  try {
    return { path, parsed: parseConfig(text, path) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { path, trouble: error.message };
  }
}
