import { beforeAll, expect, test } from 'vitest';
import { missingForLab, until, withLab } from '../../sim/netns/lab.ts';
import { PAIRS } from '../interop/programs.ts';

const TUPLE = '-p dccp -s 192.168.10.10 -d 203.0.113.10 --orig-port-src 4000 --orig-port-dst 5000';

beforeAll(() => {
  expect(missingForLab(['conntrackd'])).toEqual([]);
});

test.each(PAIRS)(
  'a DCCP flow keeps state and role through a failover: $name',
  async ({ primary, backup }) => {
    await withLab({}, async (lab) => {
      const configuration = { mode: 'FTFW' } as const;
      await lab.startNodes({ a: { program: primary, configuration }, b: { program: backup, configuration } });
      await lab.a.conntrack('-I', ...TUPLE.split(' '), '--state', 'OPEN', '--role', 'client', '-t', '600');
      const lineOf = async (side: 'a' | 'b') => {
        const { text } = (await lab[side].flows()).find(({ protocol }) => protocol === 'dccp')!;
        // All but the timeout.
        return text.replace(/ \d+ OPEN/, ' OPEN');
      };
      const original = await lineOf('a');
      expect(original).toContain('OPEN');
      await until('the flow in the external cache of B', async () =>
        (await lab.b.node().cache('external')).some(
          ({ text }) => text.includes('dccp') && text.includes('OPEN'),
        ),
      );
      await lab.failover({ commit: true });
      expect(await lineOf('b')).toBe(original);
    });
  },
);
