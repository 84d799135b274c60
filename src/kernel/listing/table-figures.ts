import { readFileSync } from 'node:fs';
import { readTableStatistics } from './table-statistics.ts';

/** The table of this network namespace; a member is absent where the kernel does not tell. */
export interface TableFigures {
  readonly entries?: number;
  readonly entriesMax?: number;
  readonly buckets?: number;
  /** Sums over the CPUs by the names of conntrack(8). Each CPU's counter has 32 bits and wraps around. */
  readonly counters: ReadonlyMap<string, number>;
}

function setting(name: string): number | undefined {
  try {
    return Number(readFileSync(`/proc/sys/net/netfilter/nf_conntrack_${name}`, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Reads how full the table is, and the kernel's counters. @throws KernelError */
export function readTableFigures(): TableFigures {
  const { cpus, entries, maxEntries = setting('max') } = readTableStatistics();
  const buckets = setting('buckets');
  const counters = new Map<string, number>();
  for (const cpu of cpus) {
    for (const [name, value] of cpu.counters) counters.set(name, (counters.get(name) ?? 0) + value);
  }
  return {
    entries,
    ...(maxEntries === undefined ? {} : { entriesMax: maxEntries }),
    ...(buckets === undefined ? {} : { buckets }),
    counters,
  };
}
