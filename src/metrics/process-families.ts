import { counter, type Family, gauge } from './family.ts';

/** The daemon's process. The names are those of Prometheus's own client libraries. */
export interface ProcessFigures {
  /** User and system time. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly openDescriptors?: number;
  readonly descriptorsMax?: number;
  /** Seconds since 1970. */
  readonly startedAt: number;
}

export function processFamilies(figures: ProcessFigures): Family[] {
  return [
    counter('process_cpu_seconds_total', 'CPU time of the daemon.', figures.cpuSeconds),
    gauge('process_resident_memory_bytes', 'Resident memory of the daemon.', figures.residentBytes),
    gauge('process_open_fds', 'Open descriptors of the daemon.', figures.openDescriptors),
    gauge('process_max_fds', 'Descriptors that the daemon may open.', figures.descriptorsMax),
    gauge('process_start_time_seconds', 'When the daemon was started.', figures.startedAt),
  ];
}
