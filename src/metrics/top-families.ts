import { type Family, gauge } from './family.ts';

/** The sources of the kernel's table with the most flows. */
export interface TopSources {
  /** The greatest first. */
  readonly sources: readonly { readonly address: string; readonly flows: number }[];
  /** All sources that the table has, or more than can be told apart. */
  readonly count: number;
}

/**
 * The only labels that are addresses. There are so many as somebody asked for, and which ones changes: for a look at the moment, not
 * for `rate`.
 */
export function topFamilies({ sources, count }: TopSources): Family[] {
  return [
    gauge('conntrackd_table_sources', "Sources of the flows in the kernel's table.", count),
    gauge(
      'conntrackd_table_source_flows',
      'Flows of the sources that have the most of them.',
      sources.map(({ address, flows }) => [{ source: address }, flows] as const),
    ),
  ];
}
