import { makeEvents } from '../../sim/load/make-events.ts';
import { type ConntrackdNode, until } from '../../sim/netns/lab.ts';
import type { Contender, Figure, Measure, Sizes } from '../figure.ts';
import { bareCommit } from '../load/bare-commit.ts';
import { fill } from '../load/fill.ts';
import {
  cpuOfNodes,
  eachOf,
  expectReplicated,
  type Pair,
  roomyConfiguration,
  untilCached,
  untilNodesQuiet,
  untilQuiet,
  withPair,
} from '../pair/pair.ts';
import { timed } from '../pair/timed.ts';

/**
 * The primary dies, and the backup commits its cache to its kernel: first into an empty table, then again over the existing
 * flows. Then the backup dies too, its kernel's table is emptied, and the flows come into it as fast as the kernel takes them.
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
    { id: 'commit-log', title: 'commit by its log, without the client, time', unit: 'ms' },
    { id: 'commit-bare', title: "a bare loop of sendto with a commit's requests, time", unit: 'ms' },
    {
      id: 'commit-over-bare',
      title: 'commit by its log, in times of that loop',
      unit: 'times',
      oursAtMost: 1.15,
    },
  ],
  run: (contender, { flows }) =>
    withSurvivor(contender, flows, async ({ lab, backup }) => {
      const once = async (created: boolean) => {
        await untilNodesQuiet([backup]);
        let time = 0;
        const [cpu] = await cpuOfNodes([backup], async () => {
          time = await timed(() => backup.command('-c'));
          await untilNodesQuiet([backup]);
        });
        const count = await lab.b.flowCount();
        if (count !== flows) throw new Error(`the backup's kernel has ${count} flows of ${flows}`);
        if (created) await untilCommitted(backup, flows);
        return { time, cpu: eachOf(cpu!, flows) };
      };
      const first = await once(true);
      const logged = loggedMs(backup);
      const second = await once(false);
      await backup.kill();
      await lab.b.conntrack('-F');
      const bare = await bareCommit(lab.b, flows);
      return {
        'commit-time': { value: first.time, limit: bare.ms },
        'commit-cpu': first.cpu,
        'recommit-time': second.time,
        'recommit-cpu': second.cpu,
        'commit-log': { value: logged, limit: bare.ms },
        'commit-bare': bare.ms,
        'commit-over-bare': logged / bare.ms,
      };
    }),
};

/** The commit of as many flows as the bench ever holds. */
export const largeCommit: Measure = {
  name: 'commit-large',
  figures: (sizes) => {
    const title = `commit of ${most(sizes).toLocaleString('en')} flows by its log`;
    return [
      { id: 'commit-large-log', title: `${title}, time`, unit: 'ms', target: 0.5 },
      {
        id: 'commit-large-over-bare',
        title: `${title}, in times of a bare loop`,
        unit: 'times',
        oursAtMost: 1.15,
      },
    ] satisfies Figure[];
  },
  run: (contender, sizes) => {
    const flows = most(sizes);
    return withSurvivor(contender, flows, async ({ lab, backup }) => {
      await backup.command('-c');
      await untilCommitted(backup, flows);
      const logged = loggedMs(backup);
      await backup.kill();
      await lab.b.conntrack('-F');
      const { ms } = await bareCommit(lab.b, flows);
      return { 'commit-large-log': { value: logged, limit: ms }, 'commit-large-over-bare': logged / ms };
    });
  },
};

/** New flows a second at the node that commits. */
const RATE = 10_000;

/** A commit while traffic begins new flows: the node that takes over gets it from the first moment. */
export const busyCommit: Measure = {
  name: 'commit-busy',
  figures: () => [
    {
      id: 'commit-busy-log',
      title: `commit by its log while ${RATE.toLocaleString('en')} flows a second begin, time`,
      unit: 'ms',
      target: 0.5,
    },
  ],
  run: (contender, { flows, seconds }) =>
    withSurvivor(contender, flows, async ({ lab, backup }) => {
      const others = RATE * seconds;
      // As traffic begins them: only whoever writes flows into a kernel makes one that is answered without an event of its answer.
      const traffic = {
        change: 'new',
        first: flows,
        count: others,
        rate: RATE,
        stage: 'unanswered',
      } as const;
      const making = makeEvents(lab.b.namespace, traffic);
      await until('flows begin', async () => (await lab.b.flowCount()) > RATE / 10);
      await backup.command('-c');
      await untilCommitted(backup, flows);
      const logged = loggedMs(backup);
      await making;
      const count = await lab.b.flowCount();
      if (count !== flows + others) throw new Error(`${count} flows, expected ${flows} and ${others}`);
      await untilCached(backup, 'internal', count);
      return { 'commit-busy-log': logged };
    }),
};

function most({ flows, memory }: Sizes): number {
  return Math.max(flows, ...memory);
}

/** Runs `work` with a pair whose backup holds all flows, and whose primary has just been killed. */
function withSurvivor<T>(contender: Contender, flows: number, work: (pair: Pair) => Promise<T>): Promise<T> {
  return withPair(contender, { configuration: roomyConfiguration(flows) }, async (pair) => {
    await fill(pair.lab.a, flows);
    await untilCached(pair.backup, 'external', flows);
    await expectReplicated(pair, flows);
    await untilQuiet(pair);
    await pair.primary.kill();
    return work(pair);
  });
}

async function untilCommitted(backup: ConntrackdNode, flows: number): Promise<void> {
  const line = `Committed ${flows} new entries`;
  await until('the log has the line', () => backup.log().includes(line));
}

/** What the log says that the first commit of flows has taken. */
function loggedMs(node: ConntrackdNode): number {
  const seconds = /commit has taken (\d+\.\d+) seconds/.exec(node.log())?.[1];
  if (seconds === undefined) throw new Error('the log does not say what the commit has taken');
  return Number(seconds) * 1000;
}
