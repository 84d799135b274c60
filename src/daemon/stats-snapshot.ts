import type { RuntimeStatistics, StatsSnapshot } from '../control/snapshot.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { DaemonHooks } from './mode.ts';
import type { StatsNode } from './stats-node.ts';

function runtimeStatistics(node: StatsNode, kernel: Kernel, hooks: DaemonHooks): RuntimeStatistics {
  const { counters, reader } = node;
  const { readFailed, unknownRequest } = hooks.localCounters();
  return {
    uptime: hooks.uptime(),
    eventsReceived: counters.eventsReceived,
    eventsFiltered: counters.eventsFiltered,
    eventsUnknownType: kernel.counters.unknownEvents,
    eventsFailed: reader.counters.eventsFailed,
    dumpUnknownType: 0,
    overruns: reader.counters.overruns,
    kernelFlushes: counters.kernelFlushes,
    kernelResyncs: counters.kernelResyncs,
    bufferSize: kernel.eventBufferSize,
    childFailed: 0,
    childSegfault: 0,
    childTerminated: 0,
    selectFailed: 0,
    waitFailed: 0,
    localReadFailed: readFailed,
    localUnknownRequest: unknownRequest,
  };
}

/** What a node that keeps statistics can say of itself now. */
export function statsSnapshot(node: StatsNode, kernel: Kernel, hooks: DaemonHooks): StatsSnapshot {
  const { counters: cache, table } = node.cache;
  return {
    mode: 'stats',
    runtime: runtimeStatistics(node, kernel, hooks),
    processes: [],
    traffic: { bytes: node.counters.trafficBytes, packets: node.counters.trafficPackets },
    cache: {
      kind: 'cache',
      name: 'stats',
      objects: table.size,
      active: cache.active,
      entries: table.size,
      created: cache.created,
      createFailed: cache.createFailed,
      createNoMemory: 0,
      createNoSpace: cache.createFailedFull,
      updated: cache.updated,
      updateFailed: cache.updateFailed,
      updateNotFound: 0,
      destroyed: cache.destroyed,
      destroyFailed: cache.destroyFailed,
      destroyNotFound: 0,
    },
  };
}
