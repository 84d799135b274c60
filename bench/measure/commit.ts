import { until } from '../../sim/netns/lab.ts';
import type { Measure } from '../figure.ts';
import { fill } from '../load/fill.ts';
import {
  cpuOfNodes,
  expectReplicated,
  roomyConfiguration,
  untilCached,
  untilNodesQuiet,
  untilQuiet,
  withPair,
} from '../pair/pair.ts';
import { timed } from '../pair/timed.ts';

/**
 * The primary dies, and the backup commits its cache to its kernel: first into an empty table, then again over the existing
 * flows.
 *
 * A running primary would cost the backup more than it does on two machines: a kernel makes events as soon as any process on
 * the whole machine listens, in any network namespace.
 */
export const commit: Measure = {
  name: 'commit',
  figures: () => [
    { id: 'commit-time', title: 'commit, time', unit: 'ms', target: 0.5 },
    { id: 'commit-cpu', title: 'commit, CPU an entry', unit: 'us', target: 0.5 },
    { id: 'recommit-time', title: 'commit of what is there already, time', unit: 'ms' },
    { id: 'recommit-cpu', title: 'commit of what is there already, CPU an entry', unit: 'us' },
  ],
  run: (implementation, { flows }) =>
    withPair(implementation, { configuration: roomyConfiguration(flows) }, async (pair) => {
      const { lab, backup } = pair;
      await fill(lab.a, flows);
      await untilCached(backup, 'external', flows);
      await expectReplicated(pair, flows);
      await untilQuiet(pair);
      await pair.primary.kill();

      const once = async (created: boolean) => {
        await untilNodesQuiet([backup]);
        let time = 0;
        const [cpu] = await cpuOfNodes([backup], async () => {
          time = await timed(() => backup.command('-c'));
          await untilNodesQuiet([backup]);
        });
        const count = await lab.b.flowCount();
        if (count !== flows) throw new Error(`the backup's kernel has ${count} flows of ${flows}`);
        if (created) {
          const line = `Committed ${flows} new entries`;
          await until('the log has the line', () => backup.log().includes(line));
        }
        return { time, cpu: cpu! / flows };
      };
      const first = await once(true);
      const second = await once(false);
      return {
        'commit-time': first.time,
        'commit-cpu': first.cpu,
        'recommit-time': second.time,
        'recommit-cpu': second.cpu,
      };
    }),
};
