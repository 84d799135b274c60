import { makeEvents } from '../../sim/load/make-events.ts';
import type { Firewall } from '../../sim/netns/lab.ts';
import type { Figure, Measure } from '../figure.ts';
import { eventCounts } from '../pair/ask.ts';
import { type Pair, roomyConfiguration, untilQuiet, withPair } from '../pair/pair.ts';
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

const figures: Figure[] = LOADS.flatMap((load) =>
  SHARES.map(({ name, ...rest }) => ({
    id: `delay-${load.name}-${name}`,
    title: `delay from kernel to the peer's kernel, ${load.title}, ${name === 'median' ? name : `${name} percentile`}`,
    unit: 'us' as const,
    ...('target' in rest ? { target: rest.target } : {}),
  })),
);

/**
 * Measures the time from when the primary's kernel enters a flow until the backup's kernel has it. Both kernels record the
 * time themselves (`nf_conntrack_timestamp`), so the measurement costs the nodes nothing. For this the backup has no
 * external cache but writes what it receives into its kernel at once.
 */
export const delay: Measure = {
  name: 'delay',
  figures: () => figures,
  run: (implementation, { seconds }) => {
    const configuration = roomyConfiguration(LOADS[1].rate * seconds);
    const backup = { ...configuration, inMode: [...(configuration.inMode ?? []), 'DisableExternalCache on'] };
    const lab = { sysctl: { 'net.netfilter.nf_conntrack_timestamp': 1 } };
    return withPair(implementation, { configuration, backup, lab }, async (pair) => {
      const found: Record<string, number> = {};
      let first = 0;
      for (const { name, rate } of LOADS) {
        const count = rate * seconds;
        const delays = await delaysOf(pair, first, count, rate);
        first += count;
        for (const { name: which, share } of SHARES)
          found[`delay-${name}-${which}`] = quantile(delays, share);
      }
      return found;
    });
  },
};

/** The delay of each new flow, in microseconds. */
async function delaysOf(pair: Pair, first: number, count: number, rate: number): Promise<number[]> {
  const { lab, primary } = pair;
  await untilQuiet(pair);
  await makeEvents(lab.a.namespace, { change: 'new', first, count, rate });
  await untilQuiet(pair);
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
