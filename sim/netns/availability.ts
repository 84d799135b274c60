import { missingCProgram } from './c-program.ts';
import { findProgram } from './find-program.ts';

const PROGRAMS = ['ip', 'nft', 'conntrack', 'sh'] as const;

function missingProgram(name: string): string | undefined {
  if (name === 'conntrackd') return missingCProgram();
  return findProgram(name) === undefined ? `the program ${name}` : undefined;
}

/**
 * Describes what this machine lacks to run the laboratory; empty if nothing is missing. `programs` are further programs
 * that the caller needs, such as `tcpdump`, or `conntrackd`, which `CONNTRACKD` may name.
 */
export function missingForLab(programs: readonly string[] = ['conntrackd']): string[] {
  if (process.platform !== 'linux') return [`Linux (this is ${process.platform})`];
  const missing = [...PROGRAMS, ...programs].map(missingProgram).filter((each) => each !== undefined);
  return process.getuid?.() === 0 ? missing : ['root', ...missing];
}
