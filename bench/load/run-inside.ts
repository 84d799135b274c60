import { type InsideProgram, startInside } from '../../sim/netns/inside-programs.ts';
import type { Namespace } from '../../sim/netns/lab.ts';

/**
 * Runs a program in a namespace until its first report, and stops it then.
 * @throws Error if it ended before that
 */
export async function runInside<Options, Report>(
  namespace: Namespace,
  program: InsideProgram<Options>,
  options: Options,
): Promise<Report> {
  const child = await startInside(namespace, program, options);
  const reported = new Promise<Report>((resolve) => {
    child.onLine((line) => resolve(JSON.parse(line) as Report));
  });
  const report = await Promise.race([reported, child.ended.then(() => undefined)]);
  await child.stop('SIGKILL');
  if (report === undefined) throw new Error(`the client ended: ${child.stderr()}`);
  return report;
}
