import type { Figure, Findings, Measure, Sizes } from '../figure.ts';
import { fill } from '../load/fill.ts';
import {
  expectReplicated,
  type Pair,
  roomyConfiguration,
  untilCached,
  untilQuiet,
  withPair,
} from '../pair/pair.ts';
import { readMemory } from '../pair/usage.ts';

const SIDES = ['primary', 'backup'] as const;
const MEGABYTE = 1e6;
const LARGE = 1_000_000;

function figures({ memory }: Sizes): Figure[] {
  return [
    ...SIDES.map((side) => ({
      id: `memory-empty-${side}`,
      title: `resident memory, no flows, ${side}`,
      unit: 'MB' as const,
    })),
    ...SIDES.map((side) => ({
      id: `memory-flow-${side}`,
      title: `resident memory a flow, ${side}`,
      unit: 'bytes' as const,
      target: 0.5,
    })),
    ...memory.flatMap((count) =>
      SIDES.map((side) => ({
        id: `memory-${count}-${side}`,
        title: `resident memory in all, ${count.toLocaleString('en')} flows, ${side}`,
        unit: 'MB' as const,
        ...(count === LARGE ? { target: 0.7 } : {}),
      })),
    ),
  ];
}

/**
 * Measures resident memory while flows are added to the same pair. A flow's share is the growth from the empty node to the
 * usual number of flows.
 */
export const memory: Measure = {
  name: 'memory',
  figures,
  run: (contender, { flows, memory: counts }) => {
    const most = Math.max(...counts, flows);
    return withPair(contender, { configuration: roomyConfiguration(most) }, async (pair) => {
      const found: Record<string, number> = {};
      await untilQuiet(pair);
      const empty = resident(pair);
      for (const side of SIDES) found[`memory-empty-${side}`] = empty[side] / MEGABYTE;
      let held = 0;
      for (const count of [...new Set([...counts, flows])].sort((a, b) => a - b)) {
        await fill(pair.lab.a, count - held, held);
        held = count;
        await untilCached(pair.backup, 'external', count, 200);
        await untilQuiet(pair);
        await expectReplicated(pair, count);
        const now = resident(pair);
        for (const side of SIDES) {
          if (counts.includes(count)) found[`memory-${count}-${side}`] = now[side] / MEGABYTE;
          if (count === flows) found[`memory-flow-${side}`] = (now[side] - empty[side]) / count;
        }
      }
      return found satisfies Findings;
    });
  },
};

function resident({ primary, backup }: Pair): Record<(typeof SIDES)[number], number> {
  return { primary: readMemory(primary.pid).resident, backup: readMemory(backup.pid).resident };
}
