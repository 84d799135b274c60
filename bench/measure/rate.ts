import type { ConfigurationOptions } from '../../sim/netns/lab.ts';
import type { Measure } from '../figure.ts';
import { makeEvents } from '../load/make-events.ts';
import { eventCounts } from '../pair/ask.ts';
import { type Pair, roomyConfiguration, untilCached, untilQuiet, withPair } from '../pair/pair.ts';

const FIRST = 10_000;
const STEP = 1.15;
/** What is made in a step, in seconds of its rate. */
const LENGTH = 1;
/** The maker of events is at its own limit when it takes so much longer than it should. */
const LATE = 1.1;

/** An event buffer as many have it: some 25 ms of a fast stream. It does not grow, and no resync disturbs. */
function tightConfiguration(flows: number): ConfigurationOptions {
  const roomy = roomyConfiguration(flows);
  return {
    ...roomy,
    inGeneral: [
      ...roomy.inGeneral!.filter((line) => !line.startsWith('Netlink')),
      'NetlinkBufferSize 2097152',
      'NetlinkBufferSizeMaxGrowth 2097152',
      'NetlinkOverrunResync Off',
    ],
  };
}

/** The greatest rate of events, in steps of 15 %, at which the primary lets none of them be lost. */
export const rate: Measure = {
  name: 'rate',
  figures: () => [
    {
      id: 'rate',
      title: 'events a second before overrun',
      unit: '/s',
      target: 1.5,
      moreIsBetter: true,
    },
  ],
  run: (kind, { flows }) =>
    withPair(kind, { configuration: tightConfiguration(flows) }, async (pair) => {
      let reached = 0;
      for (let wanted = FIRST; ; wanted *= STEP) {
        // A second try: what else the machine does at that moment is not the node's fault.
        const made = (await survives(pair, wanted)) ?? (await survives(pair, wanted));
        if (made === undefined) return { rate: reached };
        reached = Math.max(reached, made);
        if (made * LATE < wanted) return { rate: reached };
        if (wanted > flows / LENGTH) return { rate: reached };
      }
    }),
};

/** Makes new flows at a rate and ends them; the rate that came about if no event was lost. */
async function survives(pair: Pair, wanted: number): Promise<number | undefined> {
  const { lab, primary, backup } = pair;
  const count = Math.ceil(wanted * LENGTH);
  const before = await eventCounts(primary);
  const created = await makeEvents(lab.a.namespace, { change: 'new', count, rate: wanted });
  await untilQuiet(pair);
  const ended = await makeEvents(lab.a.namespace, { change: 'destroy', count, rate: wanted });
  await untilQuiet(pair);
  const after = await eventCounts(primary);
  if (after.overruns > before.overruns) return undefined;
  if (after.received - before.received !== 2 * count) {
    throw new Error(`${2 * count} events made, ${after.received - before.received} received, no overrun`);
  }
  await untilCached(backup, 'external', 0);
  return (2 * count) / (created.seconds + ended.seconds);
}
