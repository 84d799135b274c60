import type { NodeFigures } from '../control/node-figures.ts';
import { counter, type Family, gauge, histogram } from './family.ts';

/** The kernel's events, dumps and resyncs, and what was asked over the control socket. */
export function runtimeFamilies({ runtime = {}, traffic }: NodeFigures): Family[] {
  const { recheck } = runtime;
  return [
    counter('conntrackd_events_received_total', 'Events of the kernel.', runtime.eventsReceived),
    counter(
      'conntrackd_events_filtered_total',
      'Events that the Filter clause left out.',
      runtime.eventsFiltered,
    ),
    counter('conntrackd_events_failed_total', 'Events that could not be used.', runtime.eventsFailed),
    counter(
      'conntrackd_event_overruns_total',
      'How often the kernel dropped events because the receive buffer was full.',
      runtime.overruns,
    ),
    histogram(
      'conntrackd_event_batch_events',
      'Events that one read of the event socket brought.',
      runtime.eventBatches === undefined ? [] : [{ labels: {}, ...runtime.eventBatches }],
    ),
    gauge('conntrackd_event_buffer_bytes', 'Size of the receive buffer for events.', runtime.bufferSize),
    counter(
      'conntrackd_kernel_flushes_total',
      "How often the kernel's table was flushed.",
      runtime.kernelFlushes,
    ),
    counter(
      'conntrackd_kernel_resyncs_total',
      "How often the internal cache was read again from the kernel's table.",
      runtime.kernelResyncs,
    ),
    counter(
      'conntrackd_dumps_interrupted_total',
      "Dumps of the kernel's table that a change of it interrupted, and that were repeated.",
      runtime.interruptedDumps,
    ),
    counter(
      'conntrackd_dumps_incomplete_total',
      'Dumps that may lack flows, because they were interrupted each time.',
      runtime.incompleteDumps,
    ),
    counter(
      'conntrackd_rechecks_total',
      "Comparisons of the internal cache with the kernel's table.",
      recheck?.comparisons,
    ),
    counter('conntrackd_recheck_differences_total', 'Differences that these comparisons found and mended.', [
      [{ difference: 'missing or changed' }, recheck?.changed],
      [{ difference: 'ended' }, recheck?.gone],
    ]),
    counter(
      'conntrackd_commit_entries_total',
      "Entries that commits put into the kernel's table, and that it refused.",
      [
        [{ result: 'committed' }, runtime.committed],
        [{ result: 'failed' }, runtime.commitFailed],
      ],
    ),
    counter('conntrackd_control_failures_total', 'Requests on the control socket that failed.', [
      [{ reason: 'unreadable' }, runtime.localReadFailed],
      [{ reason: 'unknown' }, runtime.localUnknownRequest],
    ]),
    counter(
      'conntrackd_flow_bytes_total',
      'Bytes of flows that ended, where the kernel counts them.',
      traffic?.bytes,
    ),
    counter(
      'conntrackd_flow_packets_total',
      'Packets of flows that ended, where the kernel counts them.',
      traffic?.packets,
    ),
  ];
}
