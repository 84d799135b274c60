import type { Measure } from '../figure.ts';
import { fill } from '../load/fill.ts';
import { clientTimes } from '../pair/client.ts';
import { roomyConfiguration, untilCached, withPair } from '../pair/pair.ts';
import { timed } from '../pair/timed.ts';

/** Measures one client command, including the client's own start. */
export const client: Measure = {
  name: 'client',
  figures: () => [{ id: 'client-time', title: 'one client command (-s), time', unit: 'ms' }],
  run: (contender, { flows, commands }) =>
    withPair(contender, { configuration: roomyConfiguration(flows) }, async ({ lab, backup }) => {
      await fill(lab.a, flows);
      await untilCached(backup, 'external', flows);
      await clientTimes(contender, lab.a, 1, ['-s']);
      const time = await timed(() => clientTimes(contender, lab.a, commands, ['-s']));
      return { 'client-time': time / commands };
    }),
};
