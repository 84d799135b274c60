/** What several checks read out of the facts about the kernel's table. */

import type { Facts } from '../facts/facts.ts';
import type { TableFact } from '../facts/table/table-fact.ts';

/** What is in the table; undefined where it could not be read. */
export function tableOf({ ctnetlink }: Facts): TableFact | undefined {
  return ctnetlink.kind === 'answers' && typeof ctnetlink.table !== 'string' ? ctnetlink.table : undefined;
}

export interface Fill {
  readonly count: number;
  /** 0: no limit. */
  readonly max: number;
  /** In parts of 1. */
  readonly part: number;
}

/** How full the table is; undefined where there is none. */
export function fillOf({ settings }: Facts): Fill | undefined {
  const count = settings['net.netfilter.nf_conntrack_count'];
  const max = settings['net.netfilter.nf_conntrack_max'];
  if (count === undefined || max === undefined) return undefined;
  return { count, max, part: max === 0 ? 0 : count / max };
}

/** Part of 1 from which a table that drops counts as full. */
const FULL = 0.9;

/** Whether the table is so full that this is why it drops. */
export function isFull(facts: Facts): boolean {
  return (fillOf(facts)?.part ?? 0) >= FULL;
}

/** By how much a counter grew in the time of the sample; 0 where nobody looked. */
export function grewBy({ sample }: Facts, counter: string): number {
  return sample?.counters[counter]?.grew ?? 0;
}
