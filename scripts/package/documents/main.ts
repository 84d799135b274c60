// Writes what is made from the program's own texts and tables to dist/share: the manual pages, the completions, and the settings
// file with everything commented out.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../root.ts';
import { bashCompletion } from './bash.ts';
import { fishCompletion } from './fish.ts';
import { programPage } from './man-program.ts';
import { settingsPage } from './man-settings.ts';
import { readProgramHelp } from './program-help.ts';
import { settingsExample } from './settings-example.ts';
import { zshCompletion } from './zsh.ts';

const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
const help = await readProgramHelp();
const documents: Readonly<Record<string, string>> = {
  'man/conntrackd-ts.8': programPage(help, version),
  'man/conntrackd-ts.toml.5': settingsPage(version),
  'completions/conntrackd-ts.bash': bashCompletion(help),
  'completions/_conntrackd-ts': zshCompletion(help),
  'completions/conntrackd-ts.fish': fishCompletion(help),
  'conntrackd-ts.toml': settingsExample(),
};
for (const [name, text] of Object.entries(documents)) {
  const path = join(ROOT, 'dist/share', name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
