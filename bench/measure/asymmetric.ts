import { fileURLToPath } from 'node:url';
import { makeEvents } from '../../sim/load/make-events.ts';
import { ADDRESSES, type Lab, type Namespace } from '../../sim/netns/lab.ts';
import type { RunningProcess } from '../../sim/netns/process.ts';
import { OUTSIDE_LINK } from '../../sim/netns/topology.ts';
import type { Contender, Figure, Measure } from '../figure.ts';
import type { Answered } from '../load/answerer.ts';
import { openConnections } from '../load/handshakes.ts';
import { LOAD_PLACE } from '../load/load-place.ts';
import { eventCounts } from '../pair/ask.ts';
import { hotConfiguration, type Pair, untilQuiet, withPair } from '../pair/pair.ts';
import { median } from '../statistics.ts';

const ANSWERER = fileURLToPath(new URL('../load/answerer.js', import.meta.url));
const SERVER_DEVICE = 'eth0';
const PORT = 7400;
/** As the ends of a failover's connections: in the field the server and the network are other machines. */
const ANSWERER_PRIORITY = 99;

/** What the network between the firewalls and the server delays, there and back. */
const DELAYS_MS = [0, 0.5, 1, 2] as const;
/** Connections begun per second, while the primary's kernel makes so many other new flows per second. */
const RATE = 100;
const LOAD = 10_000;
/** Seconds with a network of 2 ms that do not count, in which neighbours are found and code is compiled. */
const SETTLING_S = 2;

const LATENCIES = [
  { name: 'low', title: 'low latency', settings: undefined },
  { name: 'batched', title: 'batched', settings: '[links]\nlatency = "batched"\n' },
] as const;

const figures: Figure[] = [
  ...LATENCIES.flatMap(({ name, title }) =>
    DELAYS_MS.map((delay) => ({
      id: `asymmetric-${name}-${delay}`,
      title: `connections over two firewalls open without a second SYN, ${delay} ms in between, ${title}`,
      unit: '%' as const,
      moreIsBetter: true,
      // At 0 ms nobody has time; more is good, but it is chance.
      ...(name === 'low' && delay > 0 ? { target: 1 } : {}),
    })),
  ),
  ...DELAYS_MS.map((delay) => ({
    id: `asymmetric-answer-${delay}`,
    title: `the same, ${delay} ms in between: from SYN to SYN-ACK at the server, median`,
    unit: 'us' as const,
  })),
];

/**
 * Asymmetric paths: a connection's SYN passes through A and the SYN-ACK comes back through B, whose rules drop what belongs to
 * no flow. It is open at once if B's kernel has the flow before the SYN-ACK is there. The server is a program that answers
 * after a delay. C runs once for both latencies: it knows no such setting.
 */
export const asymmetric: Measure = {
  name: 'asymmetric',
  figures: () => figures,
  async run(contender, { seconds }) {
    const found: Record<string, number> = {};
    for (const { name, settings } of LATENCIES) {
      const isKnown = contender === 'c' && name !== LATENCIES[0].name;
      const shares = isKnown ? found : await measure(contender, settings, seconds / 2);
      for (const delay of DELAYS_MS) {
        found[`asymmetric-${name}-${delay}`] = shares[isKnown ? `asymmetric-low-${delay}` : `open-${delay}`]!;
        found[`asymmetric-answer-${delay}`] ??= shares[`answer-${delay}`]!;
      }
    }
    return found;
  },
};

/** `open-D`, in per cent, and `answer-D`, in microseconds, for each delay. */
function measure(
  contender: Contender,
  settings: string | undefined,
  seconds: number,
): Promise<Record<string, number>> {
  const all = DELAYS_MS.length * seconds + SETTLING_S;
  const options = {
    configuration: hotConfiguration(all * (LOAD + RATE)),
    ...(settings === undefined ? {} : { settings }),
  };
  return withPair(contender, options, async (pair) => {
    const { lab } = pair;
    await returnThroughB(lab);
    const server = await Answerer.start(lab.server);
    let first = 0;
    const open = async (delay: number, duration: number): Promise<number> => {
      await server.delay(delay);
      const share = await shareOpened(pair, first, duration);
      first += Math.ceil(LOAD * duration);
      return share;
    };
    await open(Math.max(...DELAYS_MS), SETTLING_S);
    const found: Record<string, number> = {};
    for (const delay of DELAYS_MS) {
      found[`open-${delay}`] = await open(delay, seconds);
      found[`answer-${delay}`] = median(await server.delay(delay)) * 1000;
    }
    return found;
  });
}

/** What goes to the address that A translates to goes to B. The server's kernel leaves the port to the answerer. */
async function returnThroughB({ server, b }: Lab): Promise<void> {
  await server.ip(`route add ${ADDRESSES.outsideVirtual.v4}/32 via ${ADDRESSES.outside.b.v4}`);
  // B would tell the server that the address is another machine's, before its rules drop the packet.
  await b.namespace.sysctl(switchedOff('send_redirects', OUTSIDE_LINK));
  await server.sysctl(switchedOff('accept_redirects', SERVER_DEVICE));
  await server.nft(`
table inet answerer {
  chain incoming {
    type filter hook input priority filter; policy accept;
    tcp dport ${PORT} drop
  }
}
`);
}

/** Switches a parameter of IPv4 off. The kernel looks at those of the device and of all. */
function switchedOff(name: string, device: string): Record<string, number> {
  return { [`net.ipv4.conf.all.${name}`]: 0, [`net.ipv4.conf.${device}.${name}`]: 0 };
}

/** Opens connections beside the load; the share of them, in per cent, that needed one SYN. */
async function shareOpened(pair: Pair, first: number, seconds: number): Promise<number> {
  const { lab, primary, backup } = pair;
  const count = Math.ceil(RATE * seconds);
  await untilQuiet(pair);
  const flows = Math.ceil(LOAD * seconds);
  const load = makeEvents(lab.a.namespace, { change: 'new', first, count: flows, rate: LOAD }, LOAD_PLACE);
  const connections = openConnections(lab.client, {
    address: ADDRESSES.server.v4,
    port: PORT,
    count,
    rate: RATE,
  });
  const [{ opened, repeated }] = await Promise.all([connections, load]);
  const overruns = (await Promise.all([primary, backup].map(eventCounts))).map((counts) => counts.overruns);
  // The second SYN comes a second later, when B has known the flow for long.
  if (opened < 0.9 * count || repeated > count || overruns.some((times) => times > 0)) {
    throw new Error(
      `${opened} of ${count} connections opened, ${repeated} SYNs repeated, overruns ${overruns}`,
    );
  }
  return (100 * (count - repeated)) / count;
}

/** The server's end: see `answerer.ts`. */
class Answerer {
  private readonly process: RunningProcess;

  private constructor(process: RunningProcess) {
    this.process = process;
  }

  static async start(namespace: Namespace): Promise<Answerer> {
    const node = [process.execPath, ANSWERER, SERVER_DEVICE, String(PORT)];
    return new Answerer(await namespace.start('chrt', ['--fifo', String(ANSWERER_PRIORITY), ...node]));
  }

  /** Sets the delay. Returns how long each answer took since it was last set, in milliseconds. */
  async delay(milliseconds: number): Promise<readonly number[]> {
    const answer = new Promise<Answered>((resolve) => {
      this.process.onLine((line) => resolve(JSON.parse(line) as Answered));
    });
    this.process.send(String(milliseconds));
    const answered = await Promise.race([answer, this.process.ended.then(() => undefined)]);
    if (answered === undefined) throw new Error(`the answerer ended: ${this.process.stderr()}`);
    return answered.delaysMs;
  }
}
