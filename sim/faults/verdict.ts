import { type Outcome, RECOVER_MS, type Target } from './scenario.ts';

function above(what: string, value: number | undefined, most: number | undefined, unit = ''): string[] {
  if (most === undefined || (value !== undefined && value <= most)) return [];
  return [
    `${what} ${value === undefined ? 'unknown' : Math.round(value)}${unit}, at most ${most}${unit} expected`,
  ];
}

/** What of an outcome is not as it should be, one phrase each; empty if all is. */
export function complaintsAbout(outcome: Outcome, target: Target): readonly string[] {
  const { lacks, dead, recoverMs, planted = 0, plantedInKernel = 0 } = outcome;
  const complaints: string[] = [];
  if (outcome.trouble !== undefined) complaints.push(outcome.trouble);
  if (lacks) complaints.push(`lacks ${lacks}`);
  if (dead) complaints.push(`${dead} dead ones`);
  if (recoverMs !== undefined) {
    complaints.push(...above('equal after', recoverMs, target.recoverMs ?? RECOVER_MS, ' ms'));
  } else if (!lacks && !dead && outcome.trouble === undefined) {
    complaints.push('not equal in time');
  }
  if (planted > 0) complaints.push(`${planted} planted`);
  if (plantedInKernel > 0) complaints.push(`${plantedInKernel} planted in the kernel`);
  if (target.refused) {
    const { refused, offered = 0 } = outcome;
    if (refused === undefined || refused < offered) {
      complaints.push(`${refused ?? 'none'} of ${offered} datagrams refused and counted`);
    }
  }
  complaints.push(
    ...above('bytes sent', outcome.bytesSent, target.bytesSentMax),
    ...above('messages lost', outcome.lost, target.lostMax),
    ...above('lines in the log', outcome.logLines, target.logLinesMax),
    ...above('control socket answered after', outcome.answerMs, target.answerMsMax, ' ms'),
    ...above('the load took', outcome.loadMs, target.loadMsMax, ' ms'),
  );
  return complaints;
}
