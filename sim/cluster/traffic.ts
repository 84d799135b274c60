import { Status } from '../../src/flow/status.ts';
import type { MemoryKernel } from '../../src/kernel/memory/memory-kernel.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import type { Random } from '../random.ts';
import { CLIENTS, type Endpoints, PORTS, SERVERS, type Template, templatesOf } from './clients.ts';

/** The share of new connections that are FTP and cause expectations. */
const FTP = 0.005;

/** TCP states by the kernel's number. */
const Tcp = { SYN_RECV: 2, ESTABLISHED: 3, FIN_WAIT: 4, LAST_ACK: 6, TIME_WAIT: 7 } as const;

/** Seconds. Long enough that in a run its traffic ends a flow, and not its timeout. */
const LONG = 432_000;
/** Timeout of an unanswered flow, in seconds. */
const UNANSWERED = 30;
/** Timeout of an expectation, in seconds. */
const EXPECTED = 50;

/** A packet that changes the table: applies it to a flow. Returns false if the flow does not exist. */
type Packet = (kernel: MemoryKernel, handle: number) => boolean;

const becomes =
  (state: number, status: number): Packet =>
  (kernel, handle) =>
    kernel.setTcpState(handle, state, status, LONG);
const answered =
  (status: number): Packet =>
  (kernel, handle) =>
    kernel.setStatus(handle, status, LONG);
const marked =
  (mark: number): Packet =>
  (kernel, handle) =>
    kernel.setMark(handle, mark);
const ends: Packet = (kernel, handle) => kernel.end(handle);
/** Nobody answers, and the flow times out. */
const unanswered: Packet = () => false;

const SEEN = Status.SEEN_REPLY;
const ASSURED = Status.SEEN_REPLY | Status.ASSURED;

const TCP_BEGINNING = [becomes(Tcp.SYN_RECV, SEEN), becomes(Tcp.ESTABLISHED, ASSURED)];
const TCP_END = [
  becomes(Tcp.FIN_WAIT, ASSURED),
  becomes(Tcp.LAST_ACK, ASSURED),
  becomes(Tcp.TIME_WAIT, ASSURED),
  ends,
];
/** The lives of connections, packet by packet. */
const TCP_COURSES: readonly (readonly Packet[])[] = [
  [...TCP_BEGINNING, ...TCP_END],
  [...TCP_BEGINNING, ends],
  [...TCP_BEGINNING, marked(11), marked(12), ...TCP_END],
  [unanswered],
];
const OTHER_COURSES: readonly (readonly Packet[])[] = [
  [answered(SEEN), answered(ASSURED), ends],
  [answered(SEEN), marked(13), ends],
  [unanswered],
];

/** A connection through the firewall, and how far it has come. */
interface Connection {
  readonly template: Template;
  readonly ends: Endpoints;
  readonly course: readonly Packet[];
  next: number;
  /** The kernel that its last packet passed through, and the flow's handle there. */
  kernel: MemoryKernel;
  handle: number;
}

export interface TrafficOptions {
  /** The node whose clients these are. */
  readonly host: number;
  /** Approximate number of connections kept alive. */
  readonly population: number;
  readonly expectations: boolean;
  /** Whether a connection that returns may have another translation. */
  readonly comesBack: boolean;
}

/** The connections through a firewall, and how their packets change its kernel's table. */
export class Traffic {
  private readonly random: Random;
  private readonly options: TrafficOptions;
  private readonly templates: ReturnType<typeof templatesOf>;
  private readonly live: Connection[] = [];
  /** The connection that ended last: clients come back with the same port. */
  private ended: Connection | undefined;

  constructor(random: Random, options: TrafficOptions) {
    this.random = random;
    this.options = options;
    this.templates = templatesOf(options.host);
  }

  /** Sends a group of packets that change the table, or that find their connection broken. Every second group belongs to one connection. */
  packets(kernel: MemoryKernel, count: number): void {
    const { random, live } = this;
    const together = random.chance(0.5);
    let at = -1;
    for (; count > 0; count--) {
      if (at < 0 || at >= live.length || !together) {
        const fewer = live.length < this.options.population;
        const begins = live.length === 0 || random.chance(fewer ? 0.5 : 0.1);
        at = begins ? live.length : random.below(live.length);
      }
      if (at === live.length) this.begin(kernel);
      else if (!this.sendNext(kernel, at)) at = -1;
    }
  }

  /** Opens many connections at once. */
  burst(kernel: MemoryKernel, connections: number): void {
    for (; connections > 0; connections--) this.begin(kernel);
  }

  /** Moves the connections to another firewall. */
  moveTo(other: Traffic): void {
    other.live.push(...this.live);
    this.live.length = 0;
  }

  private begin(kernel: MemoryKernel): void {
    const { random, templates } = this;
    const again = this.ended !== undefined && random.chance(0.1) ? this.ended : undefined;
    const isFtp = again === undefined && random.chance(FTP);
    const template = again
      ? random.pick(this.options.comesBack ? templates.alike(again.template) : [again.template])
      : isFtp
        ? templates.ftp
        : random.pick(templates.common);
    const ends = again?.ends ?? {
      client: random.between(1, CLIENTS),
      server: random.between(1, SERVERS),
      port: random.below(PORTS),
    };
    const record = template.with(ends);
    const handle = kernel.begin(record, 0, record.length, UNANSWERED);
    if (handle < 0) return;
    const course = random.pick(template.isTcp ? TCP_COURSES : OTHER_COURSES);
    this.live.push({ template, ends, course, next: 0, kernel, handle });
    if (isFtp && this.options.expectations) expectData(kernel, record);
  }

  /** The next packet of a connection. Returns whether it goes on after that. */
  private sendNext(kernel: MemoryKernel, at: number): boolean {
    const connection = this.live[at]!;
    if (connection.kernel !== kernel) {
      const record = connection.template.with(connection.ends);
      connection.kernel = kernel;
      connection.handle = kernel.find(record, 0, record.length);
    }
    const known = connection.course[connection.next++]!(kernel, connection.handle);
    // A firewall that does not know a connection breaks it.
    if (known && connection.next < connection.course.length) return true;
    this.ended = connection;
    const last = this.live.pop()!;
    if (at < this.live.length) this.live[at] = last;
    return false;
  }
}

/** The client of the FTP connection `record` has announced to which port the server will connect. */
function expectData(kernel: MemoryKernel, record: Uint8Array): void {
  const { original } = decodeFlow(record, 0, record.length);
  const everything = '255.255.255.255';
  kernel.expect(
    {
      master: original,
      expected: {
        ...original,
        source: original.destination,
        destination: original.source,
        ports: { source: 0, destination: original.ports!.source + 1 },
      },
      mask: {
        ...original,
        source: everything,
        destination: everything,
        ports: { source: 0, destination: 65_535 },
      },
      helper: 'ftp',
    },
    EXPECTED,
  );
}
