import type { HelperModeConfig } from '../../config/config.ts';
import { plainRequest, Request } from '../../control/codes.ts';
import type { HelperSnapshot, RuntimeStatistics } from '../../control/snapshot.ts';
import { answerStatistics } from '../common/answer-statistics.ts';
import { processStatistics } from '../common/runtime-statistics.ts';
import type { DaemonHooks, RunningMode } from '../process/mode.ts';

/**
 * A daemon with helpers alone, which has neither caches nor links. As with the C node, it answers requests for statistics, and
 * `-k`; to every other request the answer is empty.
 */
export function openHelperMode(config: HelperModeConfig, hooks: DaemonHooks): RunningMode {
  return {
    figures: () => helperSnapshot(config, hooks),
    handler: async (request, answer) => {
      if (plainRequest(request) === Request.KILL) hooks.kill();
      else await answerStatistics(request, answer, helperSnapshot(config, hooks));
    },
    start: async () => {},
  };
}

function helperSnapshot({ general }: HelperModeConfig, hooks: DaemonHooks): HelperSnapshot {
  const helpers = hooks.helperStatistics();
  return {
    mode: 'helper',
    runtime: idleRuntime(general.netlink.bufferSize, hooks),
    processes: [],
    ...(helpers && { helpers }),
  };
}

/** @param bufferSize NetlinkBufferSize, which C shows though nothing uses it */
function idleRuntime(bufferSize: number, hooks: DaemonHooks): RuntimeStatistics {
  return {
    uptime: hooks.uptime(),
    eventsReceived: 0,
    eventsFiltered: 0,
    eventsUnknownType: 0,
    eventsFailed: 0,
    dumpUnknownType: 0,
    overruns: 0,
    kernelFlushes: 0,
    kernelResyncs: 0,
    directionalZones: 0,
    interruptedDumps: 0,
    incompleteDumps: 0,
    bufferSize,
    ...processStatistics(hooks),
  };
}
