import { until } from '../../sim/netns/lab.ts';
import type { Measure } from '../figure.ts';
import { makeConnections } from '../load/connections.ts';
import { fill } from '../load/fill.ts';
import { cacheSize, eventCounts } from '../pair/ask.ts';
import {
  cpuOf,
  eachOf,
  expectReplicated,
  type Pair,
  roomyConfiguration,
  TIMEOUT_MS,
  untilCached,
  untilQuiet,
  withPair,
} from '../pair/pair.ts';

/** Connections per second, each of which causes some seven events. */
const RATE = 400;

/** Measures live events of real connections that open and close one by one, while the table is full. */
export const churn: Measure = {
  name: 'churn',
  figures: () => [
    { id: 'churn-primary', title: 'CPU a live event, real connections, primary', unit: 'us', target: 0.5 },
    { id: 'churn-backup', title: 'CPU a live event, real connections, backup', unit: 'us', target: 0.5 },
  ],
  run: (contender, { flows, seconds }) =>
    withPair(
      contender,
      {
        configuration: roomyConfiguration(flows),
        // The flows of closed connections end while we poll.
        lab: { sysctl: { 'net.netfilter.nf_conntrack_tcp_timeout_time_wait': 1 } },
      },
      async (pair) => {
        const { lab, primary, backup } = pair;
        await fill(lab.a, flows);
        await untilCached(backup, 'external', flows);
        await expectReplicated(pair, flows);
        const before = await eventCounts(primary);
        await untilQuiet(pair);
        const cpu = await cpuOf(pair, async () => {
          await makeConnections(lab, RATE * seconds, RATE);
          await untilQuiet(pair);
        });
        const after = await eventCounts(primary);
        const events = after.received - before.received;
        if (events < 5 * RATE * seconds || after.overruns !== before.overruns) {
          throw new Error(`${RATE * seconds} connections: ${events} events, overruns ${after.overruns}`);
        }
        await untilEqual(pair);
        return { 'churn-primary': eachOf(cpu.primary, events), 'churn-backup': eachOf(cpu.backup, events) };
      },
    ),
};

/** The flows of the last closed connections may end while we poll. */
async function untilEqual({ primary, backup }: Pair): Promise<void> {
  await until(
    'both caches are equal',
    async () => {
      const [internal, external] = [
        await cacheSize(primary, 'internal'),
        await cacheSize(backup, 'external'),
      ];
      if (internal !== external) throw new Error(`${internal} flows in one, ${external} in the other`);
      return true;
    },
    TIMEOUT_MS,
  );
}
