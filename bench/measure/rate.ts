import { makeEvents } from '../../sim/load/make-events.ts';
import type { ConfigurationOptions } from '../../sim/netns/lab.ts';
import { Request } from '../../src/control/codes.ts';
import type { Measure } from '../figure.ts';
import { FREE_CORE, onBusyCore } from '../load/busy-core.ts';
import { ask, eventCounts } from '../pair/ask.ts';
import { type Pair, roomyConfiguration, untilCached, untilQuiet, withPair } from '../pair/pair.ts';

const FIRST = 10_000;
/** Halved, in ratio, three times, this makes some 5 %: 1.5 ** (1 / 8). */
const GROWTH = 1.5;
/** Events per step, in seconds of its rate. */
const LENGTH = 1;
/** The event maker is at its own limit when it takes longer than it should by this factor. */
const LATE = 1.1;
/**
 * Busy processes on the primary's core. With a core of its own, either implementation receives every event that a small
 * machine can make.
 */
const BUSY_PROCESSES = 4;
/** Attempts per rate: other work on the machine at one moment is not the node's fault. */
const ATTEMPTS = 2;

/** A common event buffer size: some 25 ms of a fast stream. The buffer does not grow, and no resync interferes. */
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

/** The result of an attempt at a rate. */
interface Attempt {
  /** Whether every event was received. */
  readonly survived: boolean;
  /** The rate that the event maker reached. */
  readonly made: number;
}

/** Finds the greatest event rate, within some 5 %, at which a primary with a fifth of a core loses no event. */
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
    {
      id: 'rate-made',
      title: 'the most events a second that were made',
      unit: '/s',
      moreIsBetter: true,
    },
  ],
  run: (contender, { flows, halvings }) =>
    withPair(contender, { configuration: tightConfiguration(flows) }, async (pair) => {
      await untilQuiet(pair);
      const most = flows / LENGTH;
      let made = 0;
      let reached = 0;
      /** Whether the event maker reached the rate, and the node lost nothing. */
      const holds = async (wanted: number): Promise<boolean> => {
        for (let n = 0; n < ATTEMPTS; n++) {
          const attempt = await onBusyCore(pair.lab.a.namespace, pair.primary.pid, BUSY_PROCESSES, () =>
            attemptAt(pair, Math.min(wanted, most)),
          );
          made = Math.max(made, attempt.made);
          if (!attempt.survived) continue;
          reached = Math.max(reached, attempt.made);
          if (attempt.made * LATE >= wanted) return true;
        }
        return false;
      };
      let high = Math.min(FIRST, most);
      let low = high / GROWTH;
      while (high <= most && (await holds(high))) {
        low = high;
        high *= GROWTH;
      }
      for (let n = 0; n < halvings && low < most; n++) {
        const middle = Math.sqrt(low * high);
        if (await holds(middle)) low = middle;
        else high = middle;
      }
      return { rate: reached, 'rate-made': made };
    }),
};

/** Makes new flows at a rate and ends them. */
async function attemptAt(pair: Pair, wanted: number): Promise<Attempt> {
  const { lab, primary, backup } = pair;
  const count = Math.ceil(wanted * LENGTH);
  const before = await eventCounts(primary);
  const onFreeCore = { core: FREE_CORE };
  const created = await makeEvents(lab.a.namespace, { change: 'new', count, rate: wanted }, onFreeCore);
  await untilQuiet(pair);
  const ended = await makeEvents(lab.a.namespace, { change: 'destroy', count, rate: wanted }, onFreeCore);
  await untilQuiet(pair);
  const after = await eventCounts(primary);
  const made = (2 * count) / (created.seconds + ended.seconds);
  if (after.overruns > before.overruns) {
    // Flows whose end was lost would stay in the caches and disturb the next attempt.
    await Promise.all([ask(primary, Request.FLUSH_CACHES_CT), ask(backup, Request.FLUSH_CACHES_CT)]);
    await untilQuiet(pair);
    return { survived: false, made };
  }
  if (after.received - before.received !== 2 * count) {
    throw new Error(`${2 * count} events made, ${after.received - before.received} received, no overrun`);
  }
  await untilCached(backup, 'external', 0);
  return { survived: true, made };
}
