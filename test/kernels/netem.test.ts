import { beforeAll, expect, test } from 'vitest';
import { flowsMatching, missingForLab, until, withLab } from '../../sim/netns/lab.ts';
import { PAIRS } from '../interop/programs.ts';

/** Of both directions of the sync link; the delay varies, so that datagrams overtake each other. */
const DISTURBANCE = 'delay 20ms 15ms loss 10% duplicate 5% reorder 20% 50%';
const FLOWS = 300;

beforeAll(() => {
  expect(missingForLab(['conntrackd', 'tc'])).toEqual([]);
});

test.each(PAIRS)(
  `FT-FW makes the caches equal over a link with ${DISTURBANCE}: $name`,
  async ({ primary, backup }) => {
    await withLab({}, async (lab) => {
      const configuration = { mode: 'FTFW' } as const;
      await lab.startNodes({ a: { program: primary, configuration }, b: { program: backup, configuration } });
      await lab.settled();
      for (const { namespace } of [lab.a, lab.b])
        await namespace.must('tc', [
          'qdisc',
          'add',
          'dev',
          'sync0',
          'root',
          'netem',
          ...DISTURBANCE.split(' '),
        ]);
      const ports = Array.from({ length: FLOWS }, (_, index) => 20_000 + index);
      const ofPort = (verb: string, port: number) =>
        `${verb} -p udp -s 192.168.10.10 -d 203.0.113.10 --sport ${port} --dport 53 -t 600`;
      await lab.a.load(ports.map((port) => ofPort('-I', port)));
      // Every third one ends.
      await lab.a.load(
        ports.filter((port) => port % 3 === 0).map((port) => ofPort('-D', port).replace(/ -t 600$/, '')),
      );
      const expected = ports.filter((port) => port % 3 !== 0).map(String);
      await until(
        'the external cache of B equals the flows of A',
        async () => {
          const cache = flowsMatching(await lab.b.node().cache('external'), { dport: '53' });
          const found = cache.map(({ text }) => /sport=(\d+)/.exec(text)?.[1]).sort();
          expect(found).toEqual(expected);
          return true;
        },
        30_000,
      );
      const counters = await lab.b.namespace.must('tc', ['-s', 'qdisc', 'show', 'dev', 'sync0']);
      expect(counters).toMatch(/dropped [1-9]/);
    });
  },
);
