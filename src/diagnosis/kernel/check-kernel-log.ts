import type { Facts } from '../../facts/facts.ts';
import { timeText } from '../amounts.ts';
import { type Finding, ok, problem, unseen, warning } from '../finding.ts';

/** Seconds in which a full table is news. */
const RECENT_S = 600;
const DAY_S = 86_400;

/** What the kernel's log says of a full table. */
export function checkKernelLog({ kernelLog, settings, sample }: Facts): Finding[] {
  const check = 'kernel log';
  if (kernelLog.state === 'unreadable')
    return [unseen(check, kernelLog.why, 'run it as root, with CAP_SYSLOG')];
  const { tableFull, lastSecondsAgo = Number.POSITIVE_INFINITY, elsewhere } = kernelLog;
  const others = elsewhere === 0 ? '' : `; ${elsewhere} about other network namespaces`;
  if (lastSecondsAgo > DAY_S) return [ok(check, `no full table in the last day${others}`)];
  // A line of a full table goes with a drop, unless a program added the flow; and a new namespace may get the number of an old one.
  if (sample?.counters.drop?.total === 0) {
    const found =
      'no packet was dropped since this network namespace was made: the line of a full table is about one before it, or about flows that a program added';
    return [ok(check, found)];
  }
  const found = `"table full, dropping packet" stands there ${tableFull} times, the last ${timeText(lastSecondsAgo)} ago${others}`;
  const max = settings['net.netfilter.nf_conntrack_max'];
  const raise = max ? [`sysctl -w net.netfilter.nf_conntrack_max=${2 * max}`] : [];
  if (lastSecondsAgo < RECENT_S)
    return [problem(check, found, 'raise the limit, in the first network namespace', ...raise)];
  return [warning(check, found, 'find out what filled it: look at its fill over the day')];
}
