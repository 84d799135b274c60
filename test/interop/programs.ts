import { cProgram, javascriptProgram, launcherProgram, type Program } from '../../sim/netns/lab.ts';

/** Our program as built: `npm run build` comes before the tests. */
export const ourProgram: Program = javascriptProgram(
  new URL('../../dist/program/main.js', import.meta.url).pathname,
);

/** The same through its launcher, as `package.json` names it: most client commands start no Node. */
export const ourLauncher: Program = launcherProgram(
  new URL('../../bin/conntrackd-ts', import.meta.url).pathname,
);

export interface Pair {
  readonly name: string;
  readonly primary: Program;
  readonly backup: Program;
}

/** Who runs on the primary and who on the backup. */
export const PAIRS: readonly Pair[] = [
  { name: 'C primary, our backup', primary: cProgram, backup: ourProgram },
  { name: 'our primary, C backup', primary: ourProgram, backup: cProgram },
  { name: 'ours with ours', primary: ourProgram, backup: ourProgram },
];
