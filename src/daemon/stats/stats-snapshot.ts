import type { StatsSnapshot } from '../../control/snapshot.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { cacheStatistics } from '../common/cache-statistics.ts';
import { runtimeStatistics } from '../common/runtime-statistics.ts';
import type { DaemonHooks } from '../process/mode.ts';
import type { FlowLog } from './stats-log.ts';
import type { StatsNode } from './stats-node.ts';

/** Takes the statistics of a node in Stats mode. */
export function statsSnapshot(
  node: StatsNode,
  kernel: Kernel,
  ended: FlowLog,
  hooks: DaemonHooks,
): StatsSnapshot {
  const helpers = hooks.helperStatistics();
  const runtime = runtimeStatistics(node.counters, node.reader, kernel, hooks);
  return {
    mode: 'stats',
    runtime: { ...runtime, resources: { ...runtime.resources, flowLinesLost: ended.lostLines } },
    processes: [],
    traffic: { bytes: node.counters.trafficBytes, packets: node.counters.trafficPackets },
    cache: cacheStatistics('stats', node.cache),
    ...(helpers && { helpers }),
  };
}
