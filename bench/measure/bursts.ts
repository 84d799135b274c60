import { makeEvents } from '../../sim/load/make-events.ts';
import type { Figure, Limited, Measure } from '../figure.ts';
import { burst } from '../load/fill.ts';
import { eventCounts } from '../pair/ask.ts';
import {
  cpuOf,
  eachOf,
  expectReplicated,
  type Pair,
  roomyConfiguration,
  untilCached,
  untilQuiet,
  withPair,
} from '../pair/pair.ts';

const CHANGES = ['new', 'update', 'destroy'] as const;

const figures: Figure[] = CHANGES.flatMap((change) =>
  (['primary', 'backup'] as const).map((side) => ({
    id: `burst-${change}-${side}`,
    title: `CPU a live event, burst of ${change}, ${side}`,
    unit: 'us' as const,
    target: 0.5,
  })),
);

/** Measures events that arrive as fast as a program can make them, one kind at a time. */
export const bursts: Measure = {
  name: 'bursts',
  figures: () => figures,
  run: (contender, { flows }) =>
    withPair(contender, { configuration: roomyConfiguration(flows) }, async (pair) => {
      const { lab, backup } = pair;
      const created = await cpuAnEvent(pair, flows, async () => {
        await burst(lab.a, flows);
        await untilCached(backup, 'external', flows);
      });
      await expectReplicated(pair, flows);
      const updated = await cpuAnEvent(pair, flows, () =>
        makeEvents(lab.a.namespace, { change: 'update', count: flows, mark: 1 }),
      );
      await expectReplicated(pair, flows);
      const ended = await cpuAnEvent(pair, flows, async () => {
        await lab.a.conntrack('-D', '-p', 'tcp');
        await untilCached(backup, 'external', 0);
      });
      await expectReplicated(pair, 0);
      return {
        ...found('new', created),
        ...found('update', updated),
        ...found('destroy', ended),
      };
    }),
};

function found(change: (typeof CHANGES)[number], cpu: CpuAnEvent): Record<string, Limited> {
  return { [`burst-${change}-primary`]: cpu.primary, [`burst-${change}-backup`]: cpu.backup };
}

interface CpuAnEvent {
  readonly primary: Limited;
  readonly backup: Limited;
}

/** Microseconds of CPU an event, for work that causes exactly `events` events. */
async function cpuAnEvent(pair: Pair, events: number, work: () => Promise<unknown>): Promise<CpuAnEvent> {
  const before = await eventCounts(pair.primary);
  await untilQuiet(pair);
  const cpu = await cpuOf(pair, async () => {
    await work();
    await untilQuiet(pair);
  });
  const after = await eventCounts(pair.primary);
  const received = after.received - before.received;
  if (received !== events || after.overruns !== before.overruns) {
    throw new Error(`expected ${events} events, got ${received}, overruns ${after.overruns}`);
  }
  return { primary: eachOf(cpu.primary, events), backup: eachOf(cpu.backup, events) };
}
