import type { Measure } from '../figure.ts';
import { fill } from '../load/fill.ts';
import { eventCounts } from '../pair/ask.ts';
import {
  cpuOf,
  eachOf,
  expectReplicated,
  roomyConfiguration,
  timeBeside,
  untilCached,
  untilQuiet,
  withPair,
} from '../pair/pair.ts';
import { timed } from '../pair/timed.ts';

/** Flushes the primary's whole kernel table, which ends all flows as fast as a kernel can. */
export const flush: Measure = {
  name: 'flush',
  figures: () => [
    { id: 'flush-time', title: 'recovery after a flush of the kernel table, time', unit: 'ms' },
    { id: 'flush-primary', title: 'recovery after a flush, CPU a flow, primary', unit: 'us' },
    { id: 'flush-backup', title: 'recovery after a flush, CPU a flow, backup', unit: 'us' },
  ],
  run: (contender, { flows }) =>
    withPair(contender, { configuration: roomyConfiguration(flows) }, async (pair) => {
      const { lab, primary, backup } = pair;
      await fill(lab.a, flows);
      await untilCached(backup, 'external', flows);
      await expectReplicated(pair, flows);
      await untilQuiet(pair);
      let time = 0;
      const cpu = await cpuOf(pair, async () => {
        time = await timed(async () => {
          await lab.a.conntrack('-F');
          await untilCached(backup, 'external', 0, 20);
        });
        await untilQuiet(pair);
      });
      await expectReplicated(pair, 0);
      const { overruns } = await eventCounts(primary);
      if (overruns > 0) throw new Error(`${overruns} overruns in a buffer that has room for all events`);
      return {
        'flush-time': timeBeside(time, cpu),
        'flush-primary': eachOf(cpu.primary, flows),
        'flush-backup': eachOf(cpu.backup, flows),
      };
    }),
};
