import type { Measure } from '../figure.ts';
import { fill } from '../load/fill.ts';
import {
  expectReplicated,
  millisecondsOf,
  PROGRAMS,
  roomyConfiguration,
  TIMEOUT_MS,
  untilCached,
  withPair,
} from '../pair/pair.ts';
import { timed } from '../pair/timed.ts';
import { cpuSinceStart } from '../pair/usage.ts';

/** Measures a node's start with a full kernel table, until the node knows the whole table. */
export const start: Measure = {
  name: 'start',
  figures: () => [
    { id: 'start-time', title: 'start to ready with a full kernel table, time', unit: 'ms' },
    { id: 'start-cpu', title: 'start to ready with a full kernel table, CPU', unit: 'ms' },
  ],
  run: (contender, { flows }) => {
    const configuration = roomyConfiguration(flows);
    return withPair(contender, { configuration }, async ({ lab, backup, ...pair }) => {
      await fill(lab.a, flows);
      await untilCached(backup, 'external', flows);
      await lab.a.node().stop();
      const time = await timed(async () => {
        await lab.a.start({ program: PROGRAMS[contender], configuration, startTimeout: TIMEOUT_MS });
        await untilCached(lab.a.node(), 'internal', flows, 5);
      });
      const cpu = cpuSinceStart(lab.a.node().pid);
      await expectReplicated({ ...pair, lab, backup, primary: lab.a.node() }, flows);
      const inKernel = cpu.kernelUs === undefined ? undefined : cpu.kernelUs / 1000;
      return { 'start-time': { value: time, limit: inKernel }, 'start-cpu': millisecondsOf(cpu) };
    });
  },
};
