import { Request } from '../../../src/control/codes.ts';
import { cProgram, tcpLoad, until } from '../../netns/lab.ts';
import { Random } from '../../random.ts';
import { alive, concat } from '../messages.ts';
import { Mutator } from '../mutation/mutator.ts';
import { fateOf, lengthAt, ReferenceReader } from '../reference.ts';
import { capturedDatagrams } from '../seeds.ts';
import { countersIn } from './observation.ts';
import { configurationOf, Station } from './station.ts';

/** Distinct datagrams of a flood; the flood repeats them. */
const STOCK = 4000;
/** Longer datagrams would fill the node's socket buffer before the node counts them. */
const LENGTH_MAX = 700;
/** Flows in the node's own kernel, and in the kernel of the peer that joins afterwards. */
const FLOWS = 2000;

const PEER_SETTLES = 30_000;

/** The modes to flood. Not ALARM: there a peer that joins receives flows only when they are refreshed, sooner or later. */
export type FloodMode = 'ftfw' | 'notrack';

/** The effect of a flood on our node. */
export interface FloodResult {
  readonly datagrams: number;
  readonly seconds: number;
  /** Greatest resident memory seen, in bytes. */
  readonly memory: number;
  /** Refused messages by kind: the node's count and the expected count. */
  readonly counted: Readonly<Record<string, number>>;
  readonly expected: Readonly<Record<string, number>>;
  /** Flows of each side that the other side should have received afterwards and did not. */
  readonly missingAtPeer: number;
  readonly missingHere: number;
}

/** Datagrams that no well-behaved peer would send, mixed with some valid ones. */
export function hostileStock(seed: number): Uint8Array[] {
  const random = Random.forStream(seed);
  const mutator = new Mutator(random);
  const seeds = capturedDatagrams();
  const stock: Uint8Array[] = [];
  while (stock.length < STOCK) {
    if (random.oneIn(40)) {
      // Each of these skips numbers: the node sends a NACK for them.
      const first = random.u32();
      stock.push(concat(...Array.from({ length: 60 }, (_, n) => alive((first + 3 * n) >>> 0))));
      continue;
    }
    mutator.next('datagram', seeds);
    if (mutator.length > 0 && mutator.length <= LENGTH_MAX)
      stock.push(mutator.bytes.slice(0, mutator.length));
  }
  return stock;
}

const readers = [new ReferenceReader('flow'), new ReferenceReader('expectation')] as const;

/** What a node counts for a datagram, if it drops no message because of its number. */
function refusals(datagram: Uint8Array, mode: FloodMode): Record<string, number> {
  const counts: Record<string, number> = {};
  const count = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1;
    counts['Malformed messages'] = (counts['Malformed messages'] ?? 0) + 1;
  };
  for (let at = 0; at < datagram.length; at += lengthAt(datagram, at)) {
    const fate = fateOf(datagram, at, datagram.length, mode);
    if (fate === 'truncated' || fate === 'bad size') {
      count(fate === 'truncated' ? 'Truncated message' : 'Bad message size');
      break;
    }
    if (fate === 'bad version') count('Wrong protocol version');
    else if (fate === 'bad header') count('Malformed header');
    else if (fate === 'data') {
      const reader = readers[(datagram[at]! & 15) <= 2 ? 0 : 1]!;
      if (!reader.read(datagram, at + 8, at + lengthAt(datagram, at))) count('Malformed payload');
    }
  }
  return counts;
}

/**
 * Floods a node of ours, then lets a C node join as its peer. The fuzzer predicts every refusal but one: in FT-FW the node
 * does not check the payload of a message that it drops because of its number.
 */
export async function flood(
  mode: FloodMode,
  seed: number,
  count: number,
  seen: (sent: number) => void = () => {},
): Promise<FloodResult> {
  const station = await Station.open('ts', mode, 3780);
  try {
    const { a, b } = station.laboratory;
    await a.load(tcpLoad(FLOWS));
    await station.running.untilSize('internal', FLOWS, PEER_SETTLES);
    const stock = hostileStock(seed);
    const begin = performance.now();
    let memory = 0;
    await station.flood(stock, count, (sent) => {
      memory = Math.max(memory, station.memory);
      seen(sent);
    });
    const seconds = (performance.now() - begin) / 1000;
    const counted = countersIn(await station.ask(Request.STATISTICS_NETWORK));
    const expected = Object.fromEntries(Object.keys(counted).map((name) => [name, 0]));
    for (const [n, datagram] of stock.entries()) {
      const times = Math.floor(count / STOCK) + (n < count % STOCK ? 1 : 0);
      for (const [name, refused] of Object.entries(refusals(datagram, mode)))
        expected[name]! += times * refused;
    }

    await station.leavePeersPlace();
    const own = tcpLoad(FLOWS, { first: 100_000 });
    await b.load(own);
    const peer = await b.start({ program: cProgram, configuration: configurationOf(mode) });
    await peer.command('-n');
    await peer.command('-B');
    const missing = async (have: () => Promise<string>, wanted: readonly string[]): Promise<number> => {
      let left = wanted.length;
      await until(
        'the peer and the node to know each other',
        async () => {
          const known = new Set(parseKeys(await have()));
          left = wanted.filter((one) => !known.has(one)).length;
          return left === 0;
        },
        PEER_SETTLES,
        500,
      ).catch(() => undefined);
      return left;
    };
    const wantedOf = (lines: readonly string[]) =>
      lines.map((line) => `${/ -s (\S+)/.exec(line)![1]} ${/ --sport (\d+)/.exec(line)![1]}`);
    return {
      datagrams: count,
      seconds,
      memory,
      counted,
      expected,
      missingAtPeer: await missing(() => peer.command('-e'), wantedOf(tcpLoad(FLOWS))),
      missingHere: await missing(() => station.ask(Request.DUMP_EXTERNAL_CT), wantedOf(own)),
    };
  } finally {
    await station.close();
  }
}

function parseKeys(dump: string): string[] {
  return dump.split('\n').flatMap((line) => {
    const found = / src=(\S+) dst=\S+ sport=(\d+) /.exec(line);
    return found === null ? [] : [`${found[1]} ${found[2]}`];
  });
}
