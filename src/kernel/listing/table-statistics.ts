/** The counters of the kernel's connection tracking, as `conntrack -S` shows them. */

import { readU32 } from '../../bytes/integers.ts';
import { alignedWordsOf } from '../../bytes/words.ts';
import { libc } from '../../system/libc.ts';
import {
  findAttributes,
  HEADERS,
  type NetlinkWriter,
  NLM_F_DUMP,
  NLM_F_REQUEST,
} from '../../system/netlink.ts';
import {
  CTA_STATS_COUNT,
  CtaStats,
  CtaStatsGlobal,
  CtnetlinkMessage,
  Subsystem,
} from '../codec/ctnetlink-numbers.ts';
import { TableDump } from '../ctnetlink/table-dump.ts';

/** Names of the counters, in the order in which conntrack(8) prints them. */
export const CPU_COUNTERS = [
  ['found', CtaStats.FOUND],
  ['invalid', CtaStats.INVALID],
  ['insert', CtaStats.INSERT],
  ['insert_failed', CtaStats.INSERT_FAILED],
  ['drop', CtaStats.DROP],
  ['early_drop', CtaStats.EARLY_DROP],
  ['error', CtaStats.ERROR],
  ['search_restart', CtaStats.SEARCH_RESTART],
  ['clash_resolve', CtaStats.CLASH_RESOLVE],
  ['chaintoolong', CtaStats.CHAIN_TOOLONG],
] as const;

/** Counters of one CPU by name; those that the kernel does not have are left out. They are 32 bits wide and wrap around. */
export interface CpuStatistics {
  readonly cpu: number;
  readonly counters: ReadonlyMap<string, number>;
}

export interface TableStatistics {
  readonly cpus: readonly CpuStatistics[];
  /** Flows in the table. */
  readonly entries: number;
  /** What the table holds at most; undefined where the kernel does not tell (before Linux 5.12). */
  readonly maxEntries?: number;
}

type TakeStatistics = (cpu: number, bytes: Uint8Array) => void;

const at = new Int32Array(CTA_STATS_COUNT);
const size = new Int32Array(CTA_STATS_COUNT);

function number(bytes: Uint8Array, type: number): number | undefined {
  return at[type] === 0 || size[type]! < 4 ? undefined : readU32(bytes, at[type]!);
}

/** Asks, and passes each message of the answer to `take`, whose attributes are then in `at`. @throws KernelError */
function ask(message: number, flags: number, isOver: (last: boolean) => boolean, take: TakeStatistics): void {
  const put = (to: NetlinkWriter, sequence: number) =>
    to.endMessage(to.message(Subsystem.FLOW, message, NLM_F_REQUEST | flags, sequence, 0));
  const dump = new TableDump<TakeStatistics>(libc(), 1, put, (bytes, start, end, sink) => {
    // nfgenmsg.res_id has the number of the CPU.
    if (findAttributes(alignedWordsOf(bytes), start + HEADERS, end, at, size))
      sink((bytes[start + HEADERS - 2]! << 8) | bytes[start + HEADERS - 1]!, bytes);
  });
  try {
    while (!isOver(dump.step(take)));
  } finally {
    dump.close();
  }
}

/** Reads the counters of all CPUs, and the size of the table. @throws KernelError */
export function readTableStatistics(): TableStatistics {
  const cpus: CpuStatistics[] = [];
  ask(
    CtnetlinkMessage.GET_STATS_CPU,
    NLM_F_DUMP,
    (last) => last,
    (cpu, bytes) => {
      const counters = new Map<string, number>();
      for (const [name, type] of CPU_COUNTERS) {
        const value = number(bytes, type);
        if (value !== undefined) counters.set(name, value);
      }
      cpus.push({ cpu, counters });
    },
  );
  let entries = 0;
  let maxEntries: number | undefined;
  // The answer is one message, without an end of a dump.
  ask(
    CtnetlinkMessage.GET_STATS,
    0,
    () => true,
    (_, bytes) => {
      entries = number(bytes, CtaStatsGlobal.ENTRIES) ?? 0;
      maxEntries = number(bytes, CtaStatsGlobal.MAX_ENTRIES);
    },
  );
  return { cpus, entries, ...(maxEntries === undefined ? {} : { maxEntries }) };
}
