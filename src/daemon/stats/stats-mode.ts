import { randomInt } from 'node:crypto';
import type { GeneralConfig, StatsModeConfig } from '../../config/config.ts';
import { openKernel } from '../common/open-kernel.ts';
import type { CleanupStack } from '../process/cleanup-stack.ts';
import type { Log } from '../process/log.ts';
import type { DaemonHooks, RunningMode } from '../process/mode.ts';
import { statsControl } from './stats-control.ts';
import { FlowLogFile } from './stats-file.ts';
import { FlowLog, type FlowLogSink } from './stats-log.ts';
import { StatsNode, type StatsNodeOptions } from './stats-node.ts';
import { statsSnapshot } from './stats-snapshot.ts';
import { FlowSyslog } from './stats-syslog.ts';

/**
 * Opens what a node that keeps statistics needs: the kernel, the log of ended flows.
 * @throws KernelError; Error that names the log file
 */
export async function openStatsMode(
  config: StatsModeConfig,
  log: Log,
  opened: CleanupStack,
  hooks: DaemonHooks,
  fastPaths: boolean,
): Promise<RunningMode> {
  const ended = openFlowLog(config, log);
  opened.add(() => ended.close());
  const kernel = openKernel(config.general, { timeout: false, windowScale: false, fastPaths }, log);
  opened.add(() => kernel.close());
  if (config.general.pollSeconds !== undefined) log.notice('running in polling mode');

  const node = new StatsNode(kernel, log, ended, nodeOptions(config.general, fastPaths));
  opened.add(() => node.close());
  const snapshot = () => statsSnapshot(node, kernel, ended, hooks);
  return {
    figures: snapshot,
    handler: statsControl(node, {
      snapshot,
      kill: () => hooks.kill(),
    }),
    start: () => node.start(),
    reopenLogs: () => ended.reopen(),
  };
}

/** The facility of General holds for both, as with the C node. */
function openFlowLog({ general, stats }: StatsModeConfig, log: Log): FlowLog {
  const sinks: FlowLogSink[] = [];
  if (stats.logFile !== undefined) sinks.push(new FlowLogFile(stats.logFile, log));
  if (stats.syslogFacility !== undefined) {
    sinks.push(new FlowSyslog(general.syslogFacility ?? stats.syslogFacility, log));
  }
  return new FlowLog(sinks);
}

function nodeOptions(
  { hashLimit, filter, eventIterationLimit, netlink, pollSeconds }: GeneralConfig,
  fastPaths: boolean,
): StatsNodeOptions {
  return {
    hashLimit,
    filter,
    eventIterationLimit,
    overrunResync: netlink.overrunResync,
    bufferSizeMaxGrowth: netlink.bufferSizeMaxGrowth,
    pollSeconds,
    hashSeed: randomInt(2 ** 31),
    fastPaths,
  };
}
