import type { StatsSnapshot } from '../../control/snapshot.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import { runtimeStatistics } from '../common/runtime-statistics.ts';
import type { DaemonHooks } from '../process/mode.ts';
import { cacheStatistics } from '../sync/snapshot.ts';
import type { StatsNode } from './stats-node.ts';

/** What a node that keeps statistics can say of itself now. */
export function statsSnapshot(node: StatsNode, kernel: Kernel, hooks: DaemonHooks): StatsSnapshot {
  return {
    mode: 'stats',
    runtime: runtimeStatistics(node.counters, node.reader, kernel, hooks),
    processes: [],
    traffic: { bytes: node.counters.trafficBytes, packets: node.counters.trafficPackets },
    cache: cacheStatistics('stats', node.cache),
  };
}
