/** What changed while somebody looked: the kernel's counters, the number of flows, what the daemon received. */

import type { TableStatistics } from '../../kernel/listing/table-statistics.ts';
import type { CpuFact } from './cpu-load.ts';

/** Counters are 32 bits wide. */
const WRAP = 2 ** 32;

/** By how much the sum of a counter grew between two readings. CPUs that were not there count from 0. */
export function growthOf(name: string, now: TableStatistics, before: TableStatistics): number {
  let sum = 0;
  for (const { cpu, counters } of now.cpus) {
    const earlier = before.cpus.find((other) => other.cpu === cpu)?.counters.get(name) ?? 0;
    sum += ((counters.get(name) ?? 0) - earlier + WRAP) % WRAP;
  }
  return sum;
}

export interface CounterFact {
  /** Since the network namespace was made, modulo 2^32 on each CPU. */
  readonly total: number;
  /** In the time of the sample. */
  readonly grew: number;
}

/** What the kernel's events showed during a sample. */
export interface EventFact {
  readonly began: number;
  readonly ended: number;
  /** UDP flows that ended and began again at once: somebody still used them. */
  readonly udpRenewed: number;
  /** True if the kernel dropped events, so that the counts are too low. */
  readonly lost: boolean;
}

export interface SampleFact {
  readonly seconds: number;
  /** By the names of conntrack -S, over all CPUs. */
  readonly counters: Readonly<Record<string, CounterFact>>;
  readonly entries: number;
  readonly entriesBefore: number;
  /** Of the whole machine; absent where /proc does not tell. */
  readonly cpus?: readonly CpuFact[];
  /** Absent where nobody listened to events. */
  readonly events?: EventFact;
}

/** @param seconds between the two readings */
export function sampleOf(
  before: TableStatistics,
  now: TableStatistics,
  seconds: number,
  events?: EventFact,
  cpus?: readonly CpuFact[],
): SampleFact {
  const names = new Set(now.cpus.flatMap(({ counters }) => [...counters.keys()]));
  const counters: Record<string, CounterFact> = {};
  for (const name of names) {
    const total = now.cpus.reduce((sum, cpu) => sum + (cpu.counters.get(name) ?? 0), 0);
    counters[name] = { total, grew: growthOf(name, now, before) };
  }
  return {
    seconds,
    counters,
    entries: now.entries,
    entriesBefore: before.entries,
    ...(cpus === undefined ? {} : { cpus }),
    ...(events === undefined ? {} : { events }),
  };
}
