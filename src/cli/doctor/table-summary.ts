import type { Change } from '../../flow/change.ts';
import { protocolName, tcpStateName } from '../../flow/names.ts';
import { Status } from '../../flow/status.ts';
import type { Kernel, KernelSink } from '../../kernel/kernel.ts';
import { decodeFlow } from '../../wire/decode.ts';

/** What is in the kernel's table, in short. Counts come with the greatest first. */
export interface TableSummary {
  /** Flows that were read. */
  readonly flows: number;
  /** False if it took too long or was too much, so that what follows is of a part of the table. */
  readonly whole: boolean;
  /** By protocol and state: `tcp ESTABLISHED`, `udp unreplied`, ... */
  readonly kinds: readonly (readonly [name: string, count: number])[];
  /** The most frequent originating addresses. */
  readonly sources: readonly (readonly [address: string, count: number])[];
  /** Flows with a zone in one direction alone, which are not among the others. */
  readonly directionalZones: number;
}

const FLOWS_MAX = 100_000;
const DUMP_MAX_MS = 1_000;
const SOURCES_COUNTED = 20_000;
const TOP = 5;

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function top(counts: ReadonlyMap<string, number>): [string, number][] {
  return [...counts].sort(([, a], [, b]) => b - a).slice(0, TOP);
}

/** Reads the kernel's table for at most a second. @throws KernelError */
export function summariseTable(kernel: Kernel): TableSummary {
  const kinds = new Map<string, number>();
  const sources = new Map<string, number>();
  let flows = 0;
  let zonesBefore = kernel.counters.directionalZones;
  const sink: KernelSink = {
    flow(_change: Change, _origin, bytes, length) {
      const { original, tcp, status } = decodeFlow(bytes, 0, length);
      const name = protocolName(original.protocol);
      const protocol = name === 'unknown' ? `protocol ${original.protocol}` : name;
      const unreplied = status !== undefined && (status & Status.SEEN_REPLY) === 0;
      const state =
        tcp?.state === undefined ? (unreplied ? ' unreplied' : '') : ` ${tcpStateName(tcp.state)}`;
      flows++;
      add(kinds, protocol + state);
      if (sources.size < SOURCES_COUNTED || sources.has(original.source)) add(sources, original.source);
    },
    expectation() {},
    traffic() {},
    restarted() {
      kinds.clear();
      sources.clear();
      flows = 0;
      zonesBefore = kernel.counters.directionalZones;
    },
  };
  const dump = kernel.dumpFlows();
  const deadline = performance.now() + DUMP_MAX_MS;
  try {
    let whole = false;
    while (!whole && flows < FLOWS_MAX && performance.now() < deadline) whole = dump.step(sink);
    const directionalZones = kernel.counters.directionalZones - zonesBefore;
    return { flows, whole, kinds: top(kinds), sources: top(sources), directionalZones };
  } finally {
    dump.close();
  }
}
