import type { TableFigures } from '../kernel/listing/table-figures.ts';
import { counter, type Family, gauge } from './family.ts';

/** How a counter of the kernel is named and described here, by its name in `conntrack -S`. */
const COUNTERS: readonly (readonly [string, `${string}_total`, string])[] = [
  ['invalid', 'invalid_total', 'Packets that belong to no flow and begin none.'],
  [
    'insert_failed',
    'insert_failed_total',
    'Flows that lost a race for their place, or found no free port to translate to.',
  ],
  ['drop', 'drop_total', 'Packets dropped because the table was full, or memory was short.'],
  ['early_drop', 'early_drop_total', 'Flows removed before their time because the table was full.'],
  ['error', 'error_total', 'Packets with an error in their headers.'],
  ['search_restart', 'search_restart_total', 'Lookups that began again because the table was resized.'],
  ['clash_resolve', 'clash_resolve_total', 'Races for a place in the table that were resolved.'],
  ['chaintoolong', 'chain_too_long_total', 'Flows refused because their hash chain was too long.'],
];

/** The table of this network namespace. The kernel's counters have 32 bits and wrap around, which `rate` takes for a restart. */
export function tableFamilies({ entries, entriesMax, buckets, counters }: TableFigures): Family[] {
  return [
    gauge('conntrackd_table_entries', "Flows in the kernel's table.", entries),
    gauge('conntrackd_table_entries_limit', "Flows that the kernel's table holds at most.", entriesMax),
    gauge('conntrackd_table_buckets', "Buckets of the kernel's table.", buckets),
    ...COUNTERS.map(([name, metric, help]) =>
      counter(`conntrackd_table_${metric}`, help, counters.get(name)),
    ),
  ];
}
