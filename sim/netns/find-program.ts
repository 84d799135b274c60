import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

// Debian keeps these outside an ordinary user's PATH.
const EXTRA_PATHS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Whether the path leads to a file that may be executed. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The full path of a program, or undefined if it is not installed. A name with a slash is a path already. */
export function findProgram(name: string): string | undefined {
  if (name.includes('/')) return isProgram(name) ? name : undefined;
  const places = [...(process.env.PATH ?? '').split(delimiter), ...EXTRA_PATHS];
  return places.map((place) => join(place, name)).find(isProgram);
}
