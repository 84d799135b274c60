import type { RecheckStatistics, RuntimeStatistics } from '../../control/snapshot.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { DaemonHooks } from '../process/mode.ts';
import type { EventReader } from './event-reader.ts';

/** The counters of a node of either mode. */
export interface RuntimeCounters {
  readonly eventsReceived: number;
  readonly eventsFiltered: number;
  readonly kernelFlushes: number;
  readonly kernelResyncs: number;
  /** A node without commits has neither. */
  readonly committed?: number;
  readonly commitFailed?: number;
}

/** The part of the runtime statistics that every daemon has; child processes and select(2) stay 0: this program uses neither. */
export function processStatistics(hooks: Pick<DaemonHooks, 'localCounters' | 'resources'>) {
  const { readFailed, unknownRequest } = hooks.localCounters();
  return {
    resources: hooks.resources(),
    childFailed: 0,
    childSegfault: 0,
    childTerminated: 0,
    selectFailed: 0,
    waitFailed: 0,
    localReadFailed: readFailed,
    localUnknownRequest: unknownRequest,
  };
}

/** Takes the runtime statistics of a node. */
export function runtimeStatistics(
  counters: RuntimeCounters,
  reader: EventReader,
  kernel: Kernel,
  hooks: DaemonHooks,
  recheck?: RecheckStatistics,
): RuntimeStatistics {
  return {
    uptime: hooks.uptime(),
    eventsReceived: counters.eventsReceived,
    eventsFiltered: counters.eventsFiltered,
    eventBatches: reader.batches.statistics,
    eventsUnknownType: kernel.counters.unknownEvents,
    eventsFailed: reader.counters.eventsFailed,
    dumpUnknownType: 0,
    overruns: reader.counters.overruns,
    kernelFlushes: counters.kernelFlushes,
    kernelResyncs: counters.kernelResyncs,
    directionalZones: kernel.counters.directionalZones,
    interruptedDumps: kernel.counters.interruptedDumps,
    incompleteDumps: kernel.counters.incompleteDumps,
    ...(recheck && { recheck: { ...recheck } }),
    ...(counters.committed !== undefined && { committed: counters.committed }),
    ...(counters.commitFailed !== undefined && { commitFailed: counters.commitFailed }),
    bufferSize: kernel.eventBufferSize,
    ...processStatistics(hooks),
  };
}
