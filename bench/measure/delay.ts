import { type MakerPlace, makeEvents } from '../../sim/load/make-events.ts';
import type { Firewall } from '../../sim/netns/lab.ts';
import type { Figure, Measure } from '../figure.ts';
import { LOAD_PLACE } from '../load/load-place.ts';
import { eventCounts } from '../pair/ask.ts';
import {
  cpuOf,
  eachOf,
  hotConfiguration,
  type Pair,
  roomyConfiguration,
  untilQuiet,
  withPair,
} from '../pair/pair.ts';
import { quantile } from '../statistics.ts';

const LOADS = [
  { name: 'idle', title: 'idle', rate: 200 },
  { name: 'loaded', title: '10,000 a second', rate: 10_000 },
] as const;

const SHARES = [
  { name: 'median', share: 0.5, target: 1.5 },
  { name: '99th', share: 0.99, target: 1 },
  { name: '99.9th', share: 0.999 },
] as const;

/** Kernels that note when a flow began. */
const TIMESTAMPS = { sysctl: { 'net.netfilter.nf_conntrack_timestamp': 1 } };

const title = (load: string, name: string): string =>
  `delay from kernel to the peer's kernel, ${load}, ${name === 'median' ? name : `${name} percentile`}`;

const figures: Figure[] = LOADS.flatMap((load) =>
  SHARES.map(({ name, ...rest }) => ({
    id: `delay-${load.name}-${name}`,
    title: title(load.title, name),
    unit: 'us' as const,
    ...('target' in rest ? { target: rest.target } : {}),
  })),
);

/**
 * Measures the time from when the primary's kernel enters a flow until the backup's kernel has it. Both kernels record the
 * time themselves (`nf_conntrack_timestamp`), so the measurement costs the nodes nothing. For this the backup has no
 * external cache but writes what it receives into its kernel at once. Our nodes gather events nevertheless, as a pair with
 * external caches does.
 */
export const delay: Measure = {
  name: 'delay',
  figures: () => figures,
  run: (contender, { seconds }) => {
    const flows = LOADS[1].rate * seconds;
    const options = {
      configuration: roomyConfiguration(flows),
      backup: hotConfiguration(flows),
      settings: '[links]\nlatency = "batched"\n',
      lab: TIMESTAMPS,
    };
    return withPair(contender, options, async (pair) => {
      const found: Record<string, number> = {};
      let first = 0;
      for (const { name, rate } of LOADS) {
        const count = rate * seconds;
        await makeFlows(pair, first, count, rate);
        const delays = await delaysOf(pair, first, count);
        first += count;
        for (const { name: which, share } of SHARES)
          found[`delay-${name}-${which}`] = quantile(delays, share);
      }
      return found;
    });
  },
};

const [, LOADED] = LOADS;
/** Seconds at the same rate before the first flow that counts, in which the engine compiles what has become hot. */
const SETTLING_S = 2;

/**
 * The same under load of two nodes without external caches, where ours sends a change at once; and the CPU that this takes.
 */
export const delayLow: Measure = {
  name: 'delay-low',
  figures: () => [
    ...SHARES.map(({ name }) => ({
      id: `delay-low-${name}`,
      title: `${title(LOADED.title, name)}, low latency`,
      unit: 'us' as const,
      ...(name === '99.9th' ? {} : { target: 1 }),
    })),
    ...(['primary', 'backup'] as const).map((side) => ({
      id: `delay-low-cpu-${side}`,
      title: `CPU an event, ${LOADED.title}, low latency, ${side}`,
      unit: 'us' as const,
      target: 1,
    })),
  ],
  run: (contender, { seconds }) => {
    const { rate } = LOADED;
    const before = rate * SETTLING_S;
    const count = rate * seconds;
    const options = { configuration: hotConfiguration(before + count), lab: TIMESTAMPS };
    return withPair(contender, options, async (pair) => {
      await makeFlows(pair, 0, before, rate, LOAD_PLACE);
      const cpu = await cpuOf(pair, () => makeFlows(pair, before, count, rate, LOAD_PLACE));
      const delays = await delaysOf(pair, before, count);
      return {
        ...Object.fromEntries(
          SHARES.map(({ name, share }) => [`delay-low-${name}`, quantile(delays, share)]),
        ),
        'delay-low-cpu-primary': eachOf(cpu.primary, count),
        'delay-low-cpu-backup': eachOf(cpu.backup, count),
      };
    });
  },
};

/** Makes flows in the primary's kernel, and waits until nothing is left to do. */
async function makeFlows(
  pair: Pair,
  first: number,
  count: number,
  rate: number,
  place: MakerPlace = {},
): Promise<void> {
  await untilQuiet(pair);
  await makeEvents(pair.lab.a.namespace, { change: 'new', first, count, rate }, place);
  await untilQuiet(pair);
}

/** The delay of each of the flows from `first` to below `first + count`, which are the last ones, in microseconds. */
async function delaysOf(pair: Pair, first: number, count: number): Promise<number[]> {
  const { lab, primary } = pair;
  const [there, here] = [await startTimes(lab.a), await startTimes(lab.b)];
  const { overruns } = await eventCounts(primary);
  if (there.size !== first + count || here.size !== there.size || overruns > 0) {
    throw new Error(
      `${first + count} flows, ${there.size} in one kernel, ${here.size} in the other; ${overruns} overruns`,
    );
  }
  const delays: number[] = [];
  for (const [key, began] of there) {
    const arrived = here.get(key);
    if (arrived === undefined) throw new Error(`the peer's kernel does not have ${key}`);
    if (numberOf(key) >= first) delays.push(Number(arrived - began) / 1000);
  }
  if (delays.length !== count) throw new Error(`${count} flows, ${delays.length} delays`);
  return delays;
}

/** When a firewall's kernel entered each of its flows, in nanoseconds since 1970, by source address and port. */
async function startTimes(firewall: Firewall): Promise<Map<string, bigint>> {
  const text = await firewall.conntrack('-L', '-p', 'tcp', '-o', 'xml,ktimestamp');
  const times = new Map<string, bigint>();
  const flow = /<src>([\d.]+)<\/src>.*?<sport>(\d+)<\/sport>.*?<start>(\d+)<\/start>/g;
  for (const [, source, port, start] of text.matchAll(flow)) times.set(`${source} ${port}`, BigInt(start!));
  return times;
}

/** The number of the flow with this source address and port: see `NumberedFlow`. */
function numberOf(key: string): number {
  const [, second, third, fourth, port] = /\d+\.(\d+)\.(\d+)\.(\d+) (\d+)/.exec(key)!.map(Number);
  return (((second! - 64) << 16) | (third! << 8) | fourth!) * 1000 + port! - 1024;
}
