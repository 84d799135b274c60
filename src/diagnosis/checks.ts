/** The checks: they read facts and never look at the machine. */

import type { Facts } from '../facts/facts.ts';
import type { Finding } from './finding.ts';
import { checkChains, checkDrops, checkInvalid } from './kernel/check-counters.ts';
import { checkBacklog, checkRestarts, checkSpread } from './kernel/check-cpus.ts';
import { checkChurn, checkFill } from './kernel/check-fill.ts';
import { checkOneSided, checkTimeouts, checkTopSource, checkUnanswered } from './kernel/check-flows.ts';
import { checkInsertFailed } from './kernel/check-insert-failed.ts';
import { checkKernelLog } from './kernel/check-kernel-log.ts';
import { checkNatPorts } from './kernel/check-nat-ports.ts';
import { checkSkew, checkStaleBackends } from './kernel/check-services.ts';
import {
  checkCtnetlink,
  checkHashLimit,
  checkHelpers,
  checkSettings,
  checkTracking,
  checkZones,
} from './kernel/check-settings.ts';
import {
  checkBuffers,
  checkConfiguration,
  checkLinks,
  checkSettingsFile,
} from './node/check-configuration.ts';
import { checkDaemon, checkLock, checkSocket } from './node/check-daemon.ts';
import { checkEventLoop } from './node/check-event-loop.ts';
import { checkGuard } from './node/check-guard.ts';
import { checkDigest, checkDrift, checkPeer } from './node/check-peer.ts';
import {
  checkClock,
  checkMemory,
  checkNative,
  checkNode,
  checkPrivileges,
  checkProcesses,
} from './node/check-process.ts';
import { checkRulesFirst } from './rules/check-rules-first.ts';
import { checkTrackingRules } from './rules/check-tracking-rules.ts';

type Check = (facts: Facts) => Finding[];

/** What goes wrong while all is set up: what an on-call engineer asks first. */
const OPERATION_CHECKS: readonly Check[] = [
  checkFill,
  checkChurn,
  checkDrops,
  checkInsertFailed,
  checkNatPorts,
  checkKernelLog,
  checkPeer,
  checkDaemon,
  checkDrift,
  checkDigest,
  checkUnanswered,
  checkTopSource,
  checkTimeouts,
  checkOneSided,
  checkInvalid,
  checkStaleBackends,
  checkSkew,
  checkChains,
  checkBacklog,
  checkSpread,
  checkRestarts,
];

/** Whether the machine, the rules and the files are as the daemon needs them. */
const SETUP_CHECKS: readonly Check[] = [
  checkNode,
  checkNative,
  checkEventLoop,
  checkPrivileges,
  checkCtnetlink,
  checkConfiguration,
  checkSettingsFile,
  checkLinks,
  checkBuffers,
  checkLock,
  checkSocket,
  checkProcesses,
  checkTracking,
  checkTrackingRules,
  checkGuard,
  checkRulesFirst,
  checkZones,
  checkHashLimit,
  checkMemory,
  checkSettings,
  checkHelpers,
  checkClock,
];

/** The findings of all checks. */
export function examine(facts: Facts): Finding[] {
  return [...OPERATION_CHECKS, ...SETUP_CHECKS].flatMap((check) => check(facts));
}

/** What matters at once: how the operation goes, and what keeps it from going at all. */
export function examineOperation(facts: Facts): Finding[] {
  const setup = SETUP_CHECKS.flatMap((check) => check(facts));
  return [
    ...OPERATION_CHECKS.flatMap((check) => check(facts)),
    ...setup.filter(({ level }) => level === 'problem'),
  ];
}
