/** How the packets of this machine are spread over its CPUs, of all network namespaces together. */

import { attempt, textAt } from '../machine/look.ts';

/** What one CPU has done since the machine started. */
export interface CpuCounters {
  readonly cpu: number;
  /** Packets that it took from the network cards and the links between namespaces, modulo 2^32. */
  readonly packets: number;
  /** Packets that it dropped because too many waited for it (net.core.netdev_max_backlog), modulo 2^32. */
  readonly dropped: number;
  /** Time for packets and other soft interrupts, and all time, in the same unit. */
  readonly softirqTime: number;
  readonly time: number;
}

export interface CpuFact {
  readonly cpu: number;
  /** Packets that it took in the time of the sample. */
  readonly packets: number;
  /** Packets that it dropped in that time because too many waited for it. */
  readonly dropped: number;
  /** Part of its time for packets and other soft interrupts: 0 to 1. */
  readonly softirqPart: number;
}

const WRAP = 2 ** 32;

/** Columns of /proc/net/softnet_stat, net/core/net-procfs.c; the last one is there since Linux 5.10. */
const PACKETS = 0;
const DROPPED = 1;
const CPU = 12;
/** Columns of /proc/stat behind `cpuN`, proc_stat(5). */
const SOFTIRQ = 6;

/** @param softnet text of /proc/net/softnet_stat @param stat text of /proc/stat */
export function parseCpuCounters(softnet: string, stat: string): CpuCounters[] {
  const times = new Map(
    [...stat.matchAll(/^cpu(\d+) (.*)$/gm)].map(([, cpu, columns]) => [
      Number(cpu),
      columns!.split(' ').map(Number),
    ]),
  );
  const lines = softnet.split('\n').filter((line) => line !== '');
  return lines.flatMap((line, at) => {
    const columns = line.split(' ').map((column) => Number.parseInt(column, 16));
    const cpu = columns[CPU] ?? at;
    const spent = times.get(cpu);
    if (spent === undefined) return [];
    return [
      {
        cpu,
        packets: columns[PACKETS]!,
        dropped: columns[DROPPED]!,
        softirqTime: spent[SOFTIRQ]!,
        // The last two, of guests, are in the first two already.
        time: spent.slice(0, 8).reduce((sum, one) => sum + one, 0),
      },
    ];
  });
}

/** Undefined where /proc does not tell. */
export function readCpuCounters(): CpuCounters[] | undefined {
  const [softnet, stat] = [textAt('/proc/net/softnet_stat'), textAt('/proc/stat')];
  return softnet === undefined || stat === undefined
    ? undefined
    : attempt(() => parseCpuCounters(softnet, stat));
}

/** What each CPU did between two readings; those that were not there before are left out. */
export function cpuFacts(before: readonly CpuCounters[], now: readonly CpuCounters[]): CpuFact[] {
  return now.flatMap(({ cpu, packets, dropped, softirqTime, time }) => {
    const earlier = before.find((one) => one.cpu === cpu);
    if (earlier === undefined) return [];
    const elapsed = time - earlier.time;
    return [
      {
        cpu,
        packets: (packets - earlier.packets + WRAP) % WRAP,
        dropped: (dropped - earlier.dropped + WRAP) % WRAP,
        softirqPart: elapsed <= 0 ? 0 : (softirqTime - earlier.softirqTime) / elapsed,
      },
    ];
  });
}
