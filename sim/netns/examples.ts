import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Where Debian's package `conntrackd` keeps its examples. */
const EXAMPLES = '/usr/share/doc/conntrackd/examples';

/** What stands in the place of what, in an example. Each must be there. */
export type Replacements = readonly (readonly [found: string, replacement: string])[];

/** An example with some of its words exchanged, wherever they stand. */
export async function adaptedExample(path: string, replacements: Replacements): Promise<string> {
  let text = await readFile(join(EXAMPLES, path), 'utf8');
  for (const [found, replacement] of replacements) {
    if (!text.includes(found)) throw new Error(`${path}: \`${found}' is not there to be replaced`);
    text = text.replaceAll(found, replacement);
  }
  return text;
}
