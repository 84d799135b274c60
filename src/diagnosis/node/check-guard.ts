/** The guard of a failover, `[failover.guard]`. */

import { printable } from '../../config/error.ts';
import type { Facts } from '../../facts/facts.ts';
import { type Finding, ok, problem, unseen } from '../finding.ts';

/** The first kernel with tables that belong to a socket, NFT_TABLE_F_OWNER. */
const OWNER_SINCE = [5, 12] as const;

/** Whether the daemon can have the guard that the settings ask for. */
export function checkGuard({ settingsFile, interfaces, kernelRelease }: Facts): Finding[] {
  const guard = settingsFile.state === 'usable' ? settingsFile.ours.failover.guard : undefined;
  if (guard === undefined) return [];
  const check = 'guard';
  const findings = guard.interfaces
    .filter((name) => interfaces[name] === undefined)
    .map((name) =>
      problem(check, `there is no interface ${printable(name)}`, "create it, or correct `interfaces'"),
    );
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(kernelRelease) ?? [];
  if (major === undefined)
    findings.push(unseen(check, `whether Linux ${printable(kernelRelease)} can have it`));
  else if (Number(major) * 1000 + Number(minor) < OWNER_SINCE[0] * 1000 + OWNER_SINCE[1]) {
    const found = `Linux ${major}.${minor} has no tables with an owner: the daemon does not start`;
    const advice = `use Linux ${OWNER_SINCE.join('.')} or newer, or see docs/failover.md, Rules first`;
    findings.push(problem(check, found, advice));
  }
  if (findings.length > 0) return findings;
  return [ok(check, `on ${guard.interfaces.join(', ')}, ${guard.liftAfterSeconds} s at most`)];
}
