import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The directory where Debian's package `conntrackd` keeps its examples. */
const EXAMPLES = '/usr/share/doc/conntrackd/examples';

/** Replacements for words in an example. Each word must occur. */
export type Replacements = readonly (readonly [found: string, replacement: string])[];

/** An example with all occurrences of some words replaced. */
export async function adaptedExample(path: string, replacements: Replacements): Promise<string> {
  let text = await readFile(join(EXAMPLES, path), 'utf8');
  for (const [found, replacement] of replacements) {
    if (!text.includes(found)) throw new Error(`${path}: \`${found}' is not there to be replaced`);
    text = text.replaceAll(found, replacement);
  }
  return text;
}
