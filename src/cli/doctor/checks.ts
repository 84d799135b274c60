/** The doctor's checks: they read facts and never look at the machine. */

import { checkBuffers, checkConfiguration, checkLinks, checkSettingsFile } from './check-configuration.ts';
import { checkDaemon, checkLock, checkSocket } from './check-daemon.ts';
import { checkEventLoop } from './check-event-loop.ts';
import { checkGuard } from './check-guard.ts';
import {
  checkCtnetlink,
  checkHashLimit,
  checkHelpers,
  checkSettings,
  checkTable,
  checkTracking,
  checkZones,
} from './check-kernel.ts';
import {
  checkClock,
  checkMemory,
  checkNative,
  checkNode,
  checkPrivileges,
  checkProcesses,
} from './check-process.ts';
import { checkRulesFirst } from './check-rules.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';

/** Every check, in the order in which a person would look. */
export const CHECKS: readonly ((facts: Facts) => Finding[])[] = [
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
  checkDaemon,
  checkTracking,
  checkGuard,
  checkRulesFirst,
  checkTable,
  checkZones,
  checkHashLimit,
  checkMemory,
  checkSettings,
  checkHelpers,
  checkClock,
];
