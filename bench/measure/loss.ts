import type { Figure, Finding, Measure } from '../figure.ts';
import { burst } from '../load/fill.ts';
import { datagramsSent } from '../pair/ask.ts';
import {
  cpuOf,
  eachOf,
  expectReplicated,
  roomyConfiguration,
  untilCached,
  untilQuiet,
  withPair,
} from '../pair/pair.ts';
import { timed } from '../pair/timed.ts';

const PERCENTS = [1, 10] as const;
/** Only a part of the table: nodes recover lost messages one window after the other. */
const SHARE = 0.1;
/** With this many expected losses, the chance of no loss at all is one in 500 million. */
const CERTAIN = 20;

const figures: Figure[] = PERCENTS.flatMap((percent) => [
  {
    id: `loss-${percent}-time`,
    title: `burst of new under ${percent} % loss, from its begin to a complete cache`,
    unit: 'ms' as const,
  },
  {
    id: `loss-${percent}-primary`,
    title: `CPU a live event under ${percent} % loss, primary`,
    unit: 'us' as const,
  },
  {
    id: `loss-${percent}-backup`,
    title: `CPU a live event under ${percent} % loss, backup`,
    unit: 'us' as const,
  },
]);

/** Measures FT-FW over a link that loses datagrams in both directions. */
export const loss: Measure = {
  name: 'loss',
  figures: () => figures,
  run: async (contender, { flows }) => {
    const found: Record<string, Finding> = {};
    const count = Math.ceil(flows * SHARE);
    for (const percent of PERCENTS) {
      await withPair(contender, { configuration: roomyConfiguration(flows) }, async (pair) => {
        const { lab, primary, backup } = pair;
        const losses = [await lab.a.lose(percent), await lab.b.lose(percent)];
        await untilQuiet(pair);
        let time = 0;
        const cpu = await cpuOf(pair, async () => {
          time = await timed(async () => {
            await burst(lab.a, count);
            await untilCached(backup, 'external', count, 20);
          });
          await untilQuiet(pair);
        });
        await expectReplicated(pair, count);
        let dropped = 0;
        for (const one of losses) dropped += await one.dropped();
        const sent = await datagramsSent(primary);
        if (dropped === 0 && (sent * percent) / 100 > CERTAIN) {
          throw new Error(`nothing of ${sent} datagrams was lost at ${percent} %`);
        }
        found[`loss-${percent}-time`] = time;
        found[`loss-${percent}-primary`] = eachOf(cpu.primary, count);
        found[`loss-${percent}-backup`] = eachOf(cpu.backup, count);
      });
    }
    return found;
  },
};
