import type { Flow } from '../../src/flow/flow.ts';
import { Protocol } from '../../src/flow/protocol.ts';
import { Status } from '../../src/flow/status.ts';
import type { MemoryKernel } from '../../src/kernel/memory.ts';
import type { Random } from './random.ts';

const Tcp = { SYN_SENT: 1, SYN_RECV: 2, ESTABLISHED: 3, FIN_WAIT: 4, LAST_ACK: 6, TIME_WAIT: 7 } as const;

/** Seconds. Long enough that a flow ends in a run because its traffic says so, and not because it was forgotten. */
const LONG = 432_000;
/** Seconds that a question without an answer lives. */
const SHORT = 5;

/** Different clients' ports: how soon the same tuple is used again. */
const PORTS = 1000;

/** A connection through the firewall, and how far it has come. */
interface Connection {
  readonly flow: Flow;
  /** What its next packets do to the table; at the end it is over. */
  readonly course: readonly Packet[];
  next: number;
}

type Packet = (kernel: MemoryKernel, flow: Flow) => boolean;

function becomes(state: number, status: number): Packet {
  return (kernel, flow) => kernel.setState(flow.original, { tcp: { state }, status, timeout: LONG });
}

function marked(mark: number): Packet {
  return (kernel, flow) => kernel.setState(flow.original, { mark });
}

function answered(status: number): Packet {
  return (kernel, flow) => kernel.setState(flow.original, { status, timeout: LONG });
}

const ends: Packet = (kernel, flow) => kernel.expire(flow.original);

/** A question that nobody answers: it times out by itself. */
const lapses: Packet = () => true;

const SEEN = Status.SEEN_REPLY;
const ASSURED = Status.SEEN_REPLY | Status.ASSURED;

const TCP_BEGINNING = [becomes(Tcp.SYN_RECV, SEEN), becomes(Tcp.ESTABLISHED, ASSURED)];
const TCP_END = [
  becomes(Tcp.FIN_WAIT, ASSURED),
  becomes(Tcp.LAST_ACK, ASSURED),
  becomes(Tcp.TIME_WAIT, ASSURED),
  ends,
];

export interface TrafficOptions {
  /** Whose clients these are: no two hosts' have an address in common. */
  readonly host: number;
  /** Connections kept alive, about. */
  readonly population: number;
  readonly expectations: boolean;
}

/** What goes through a firewall: connections that begin, go on and end, and what that does to its kernel's table. */
export class Traffic {
  private readonly random: Random;
  private readonly options: TrafficOptions;
  private readonly live: Connection[] = [];
  private readonly used = new Set<string>();

  constructor(random: Random, options: TrafficOptions) {
    this.random = random;
    this.options = options;
  }

  get connections(): number {
    return this.live.length;
  }

  /** One packet that the table notices. */
  packet(kernel: MemoryKernel): void {
    const { random, live } = this;
    const fewer = live.length < this.options.population;
    if (live.length === 0 || random.chance(fewer ? 0.5 : 0.1)) this.begin(kernel);
    else this.goOn(kernel, random.below(live.length));
  }

  /** Many clients at once. */
  burst(kernel: MemoryKernel, connections: number): void {
    for (; connections > 0; connections--) this.begin(kernel);
  }

  /** The connections now go through the firewall of another traffic. */
  moveTo(other: Traffic): void {
    for (const connection of this.live) {
      other.live.push(connection);
      other.used.add(nameOf(connection.flow));
    }
    this.live.length = 0;
    this.used.clear();
  }

  private begin(kernel: MemoryKernel): void {
    const flow = this.draw();
    const name = nameOf(flow);
    if (this.used.has(name)) return;
    const timeout = flow.tcp ? 120 : SHORT * 6;
    if (kernel.originate(flow, timeout) !== 0) return;
    this.used.add(name);
    this.live.push({ flow, course: this.courseOf(flow), next: 0 });
    if (flow.helper !== undefined) this.expect(kernel, flow);
  }

  private goOn(kernel: MemoryKernel, at: number): void {
    const connection = this.live[at]!;
    const { flow, course } = connection;
    const known = course[connection.next++]!(kernel, flow);
    // A firewall that does not know a connection breaks it.
    if (known && connection.next < course.length) return;
    this.used.delete(nameOf(flow));
    const last = this.live.pop()!;
    if (at < this.live.length) this.live[at] = last;
  }

  private draw(): Flow {
    const { random } = this;
    const { host } = this.options;
    const client = random.between(1, 20);
    const server = random.between(1, 5);
    const port = 10_000 + random.below(PORTS);
    const kind = random.fraction();
    if (kind < 0.1)
      return {
        original: {
          family: 6,
          source: `2001:db8:${host}::${client}`,
          destination: `2001:db8:ffff::${server}`,
          protocol: random.chance(0.5) ? Protocol.TCP : Protocol.UDP,
          ports: { source: port, destination: 443 },
        },
        ...(random.chance(0.5) ? { zone: random.between(1, 3) } : {}),
      };
    const original = {
      family: 4,
      source: `10.${host}.0.${client}`,
      destination: `198.51.100.${server}`,
    } as const;
    if (kind < 0.15)
      return {
        original: { ...original, protocol: Protocol.ICMP, icmp: { type: 8, code: 0, id: port } },
      };
    if (kind < 0.35)
      return {
        original: { ...original, protocol: Protocol.UDP, ports: { source: port, destination: 53 } },
        ...(random.chance(0.5)
          ? { sourceNat: { address: `203.0.113.${host + 1}`, port: 20_000 + port } }
          : {}),
      };
    const tcp: Flow = {
      original: { ...original, protocol: Protocol.TCP, ports: { source: port, destination: 80 } },
      tcp: { state: Tcp.SYN_SENT },
    };
    if (kind < 0.6)
      return {
        ...tcp,
        sourceNat: { address: `203.0.113.${host + 1}`, port: 10_000 + client * 1000 + (port % 1000) },
      };
    if (kind < 0.65) {
      const control = { source: port, destination: 21 };
      return { ...tcp, original: { ...tcp.original, ports: control }, helper: 'ftp' };
    }
    return random.chance(0.2) ? { ...tcp, mark: random.between(1, 9) } : tcp;
  }

  private courseOf(flow: Flow): readonly Packet[] {
    const { random } = this;
    if (flow.tcp) {
      const marks = Array.from({ length: random.below(3) }, () => marked(random.between(1, 99)));
      return [...TCP_BEGINNING, ...marks, ...TCP_END];
    }
    if (random.chance(0.2)) return [lapses];
    return [answered(SEEN), answered(ASSURED), ends];
  }

  /** The server of an FTP connection announces where it will connect to. */
  private expect(kernel: MemoryKernel, master: Flow): void {
    const { original } = master;
    if (!this.options.expectations) return;
    kernel.expect(
      {
        master: original,
        expected: {
          family: 4,
          source: original.destination,
          destination: original.source,
          protocol: Protocol.TCP,
          ports: { source: 0, destination: original.ports!.source + 1 },
        },
        mask: {
          family: 4,
          source: '255.255.255.255',
          destination: '255.255.255.255',
          protocol: Protocol.TCP,
          ports: { source: 0, destination: 65_535 },
        },
        helper: 'ftp',
      },
      SHORT * 10,
    );
  }
}

function nameOf({ original, zone }: Flow): string {
  const { source, destination, protocol, ports, icmp } = original;
  return `${source} ${destination} ${protocol} ${ports?.source ?? icmp?.id} ${ports?.destination} ${zone}`;
}
