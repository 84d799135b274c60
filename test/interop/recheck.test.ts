import { describe, expect, test } from 'vitest';
import { cProgram, missingForLab, tcpLoad, until, withLab } from '../../sim/netns/lab.ts';
import { ourProgram } from './programs.ts';

/** Each comes and goes while nobody reads the events fast enough. */
const FLOWS = 60_000;
/** Time from an overrun until the cache is right again, also on a busy machine, in ms. */
const WITHIN_MS = 20_000;

describe.skipIf(missingForLab(['conntrackd']).length > 0)(
  'after an overrun, with NetlinkOverrunResync off',
  () => {
    test('ours becomes equal to the kernel by itself, C does not', async () => {
      await withLab({}, async (lab) => {
        const configuration = {
          inGeneral: [
            'NetlinkBufferSize 8192',
            'NetlinkBufferSizeMaxGrowth 8192',
            'NetlinkOverrunResync off',
          ],
        };
        await lab.startNodes({
          a: { program: ourProgram, configuration },
          b: { program: cProgram, configuration },
        });
        for (const side of [lab.a, lab.b]) {
          await side.load(tcpLoad(FLOWS));
          await side.conntrack('-F');
          await side.load(tcpLoad(2, { first: FLOWS }));
        }
        await until('overruns', async () => {
          const text = await lab.a.node().command('-s', 'runtime');
          return Number(/netlink overrun:\s+(\d+)/.exec(text)?.[1] ?? 0) > 0 || undefined;
        });
        await until(
          'the cache equals the table',
          async () => {
            const { internal } = await lab.a.node().sizes();
            return internal === (await lab.a.flowCount()) || undefined;
          },
          WITHIN_MS,
        );
        const c = (await lab.b.node().sizes()).internal;

        expect(c).not.toBe(await lab.b.flowCount());
        await until('the peer knows it, too', async () => {
          const { external } = await lab.b.node().sizes();
          return external === (await lab.a.node().sizes()).internal || undefined;
        });
      });
    });
  },
);
