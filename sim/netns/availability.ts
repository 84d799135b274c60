import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const PROGRAMS = ['ip', 'nft', 'conntrack', 'sh'] as const;
// Debian keeps these outside an ordinary user's PATH.
const EXTRA_PATHS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** The full path of a program, or undefined if it is not installed. */
export function findProgram(name: string): string | undefined {
  const places = [...(process.env.PATH ?? '').split(delimiter), ...EXTRA_PATHS];
  for (const place of places) {
    const path = name.includes('/') ? name : join(place, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  return undefined;
}

/**
 * Describes what this machine lacks to run the laboratory; empty if nothing is missing. `programs` are further programs
 * that the caller needs, such as `conntrackd` or `tcpdump`.
 */
export function missingForLab(programs: readonly string[] = ['conntrackd']): string[] {
  if (process.platform !== 'linux') return [`Linux (this is ${process.platform})`];
  const missing: string[] = [];
  if (process.getuid?.() !== 0) missing.push('root');
  for (const program of [...PROGRAMS, ...programs]) {
    if (findProgram(program) === undefined) missing.push(`the program ${program}`);
  }
  return missing;
}
