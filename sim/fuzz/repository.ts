import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json: where this module runs from is different as source and compiled. */
export const REPOSITORY: string = (() => {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(folder) === folder) throw new Error('no package.json above the fuzzer');
  }
})();

/** A file of the repository, by its parts. */
export function inRepository(...parts: readonly string[]): string {
  return join(REPOSITORY, ...parts);
}
