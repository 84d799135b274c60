/** Which C program the laboratory, the fuzzer, the bench and the tests run: the only place that reads `CONNTRACKD`. */

import { resolve } from 'node:path';
import { findProgram, isProgram } from './find-program.ts';

/** Where Debian has it; the errors name it where there is none. */
const USUAL_PATH = '/usr/sbin/conntrackd';

/** The path in the variable `CONNTRACKD`, as an absolute one; undefined if the variable is empty or unset. */
function chosenPath(environment: NodeJS.ProcessEnv): string | undefined {
  const { CONNTRACKD = '' } = environment;
  return CONNTRACKD === '' ? undefined : resolve(CONNTRACKD);
}

/** The path of the C program: what `CONNTRACKD` names, whether or not it is there, else what PATH has. */
export function cProgramPath(environment: NodeJS.ProcessEnv = process.env): string {
  return chosenPath(environment) ?? findProgram('conntrackd') ?? USUAL_PATH;
}

/** Why there is no C program to run, with the place that names it; undefined if there is one. */
export function missingCProgram(environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const chosen = chosenPath(environment);
  if (chosen !== undefined) {
    return isProgram(chosen) ? undefined : `a program where CONNTRACKD says: ${chosen} is none`;
  }
  return findProgram('conntrackd') === undefined ? 'the program conntrackd' : undefined;
}
