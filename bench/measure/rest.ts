import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeEvents } from '../../sim/load/make-events.ts';
import type { Figure, Finding, Measure } from '../figure.ts';
import { eventCounts } from '../pair/ask.ts';
import {
  cpuOf,
  eachOf,
  millisecondsOf,
  roomyConfiguration,
  untilCached,
  untilQuiet,
  withPair,
} from '../pair/pair.ts';
import { cpuSinceStart, readMemory } from '../pair/usage.ts';

const SIDES = ['primary', 'backup'] as const;
const MODES = [
  { mode: 'FTFW', name: 'FT-FW' },
  { mode: 'NOTRACK', name: 'NOTRACK' },
] as const;

/** Flows that begin first, and how many a second. */
const FIRST = 1000;
const RATE = 1000;

const figures: Figure[] = [
  { id: 'rest-cpu', title: 'start of an empty node until it rests, CPU', unit: 'ms', target: 70 },
  {
    id: 'rest-memory',
    title: 'resident memory of an empty node that rests',
    unit: 'MB',
    target: 6.5,
  },
  ...MODES.map(({ mode, name }) => ({
    id: `rest-wakeups-${mode}`,
    title: `wake-ups of an idle node, ${name}`,
    unit: '/s' as const,
    target: 1.1,
  })),
  ...SIDES.map((side) => ({
    id: `rest-first-${side}`,
    title: `CPU an event, the first ${FIRST.toLocaleString('en')} after the start, ${side}`,
    unit: 'us' as const,
    target: 1.5,
  })),
];

/**
 * What a node without flows costs: its start, until it rests, including what it does afterwards so that its first events cost less;
 * then how often it wakes up; then these first events.
 */
export const rest: Measure = {
  name: 'rest',
  figures: () => figures,
  run: async (contender, { seconds }) => {
    const found: Record<string, Finding> = {};
    for (const { mode } of MODES) {
      const inMode = mode === 'FTFW' ? {} : { inMode: [] };
      const configuration = { ...roomyConfiguration(0), mode, ...inMode };
      await withPair(contender, { configuration }, async (pair) => {
        await untilQuiet(pair);
        const { pid } = pair.primary;
        const before = wakeups(pid);
        const begin = performance.now();
        await sleep(2 * seconds * 1000);
        found[`rest-wakeups-${mode}`] = ((wakeups(pid) - before) * 1000) / (performance.now() - begin);
        if (mode !== 'FTFW') return;
        found['rest-cpu'] = millisecondsOf(cpuSinceStart(pid));
        found['rest-memory'] = readMemory(pid).resident / 1e6;
        const cpu = await cpuOf(pair, async () => {
          await makeEvents(pair.lab.a.namespace, { change: 'new', count: FIRST, rate: RATE });
          await untilQuiet(pair);
        });
        for (const side of SIDES) found[`rest-first-${side}`] = eachOf(cpu[side], FIRST);
        const { overruns } = await eventCounts(pair.primary);
        if (overruns > 0) throw new Error(`${overruns} overruns`);
        await untilCached(pair.backup, 'external', FIRST);
      });
    }
    return found;
  },
};

/** How often the threads of a process have gone to sleep: they have woken up as often. */
function wakeups(pid: number): number {
  let sum = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const status = readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1');
    sum += Number(/^voluntary_ctxt_switches:\s+(\d+)/m.exec(status)![1]);
  }
  return sum;
}
