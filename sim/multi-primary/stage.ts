import { join } from 'node:path';
import { type Crowd, openCrowd } from '../netns/crowd.ts';
import { createNamespace, type Namespace } from '../netns/namespace.ts';
import { type ConntrackdNode, type Program, startNode } from '../netns/node.ts';
import type { Scope } from '../netns/scope.ts';
import { openUdpFlow, type UdpFlow } from '../netns/traffic.ts';
import { until } from '../netns/until.ts';

/** Who runs on a firewall: our program, C's, or nobody, which is the control. */
export interface Member {
  readonly program: Program | undefined;
  readonly isOurs: boolean;
}

const CLIENT = '10.99.0.1';
const SERVER = '10.88.0.1';
const PORT = 7000;
/** Where numbered flows go. */
const QUIET_DESTINATION = '203.0.113.10';
const STREAM_PORT = 8000;

/** Seconds that a UDP flow lives without packets, on all firewalls. */
export const UDP_TIMEOUT_S = 30;

/** How the nodes replicate. In NOTRACK each has only the flows that its own traffic changes, as C's nodes always do. */
export type StageMode = 'FTFW' | 'NOTRACK';

const SETTINGS: Readonly<Record<StageMode, string>> = {
  FTFW: '[replication]\nactive_nodes = "several"\n',
  NOTRACK: '',
};

/** Lets SYN and datagrams begin a flow from the inside, and what belongs to one pass. */
const RULES = `table inet firewall {
  chain forwarding {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "in0" meta l4proto udp ct state new accept
    iifname "in0" tcp flags & (fin|syn|rst|ack) == syn ct state new accept
  }
}`;

/** One of the firewalls that forward at once. */
export class ActiveFirewall {
  readonly number: number;
  readonly namespace: Namespace;
  private readonly member: Member;
  private readonly directory: string;
  private readonly count: number;
  private readonly mode: StageMode;
  private node: ConntrackdNode | undefined;
  private starts = 0;

  constructor(number: number, { members, mode }: StageOptions, namespace: Namespace, directory: string) {
    this.number = number;
    this.count = members.length;
    this.mode = mode;
    this.namespace = namespace;
    this.member = members[number - 1]!;
    this.directory = directory;
  }

  async start(): Promise<void> {
    const { program, isOurs } = this.member;
    if (program === undefined) return;
    const place = {
      side: 'a',
      syncLinks: 1,
      directory: join(this.directory, `fw${this.number}-${++this.starts}`),
    } as const;
    this.node = await startNode(this.namespace, place, {
      program,
      configuration: ({ paths }) => this.configuration(paths),
      ...(isOurs && { settings: () => SETTINGS[this.mode] }),
    });
  }

  /** The machine dies: nothing passes it any more, and its kernel forgets all flows. */
  async die(): Promise<void> {
    await this.node?.kill();
    await this.namespace.ip('link set in0 down', 'link set out0 down', 'link set sync0 down');
    await this.namespace.run('conntrack', ['-F']);
  }

  /** The machine is there again, with an empty kernel; no route leads to it yet. */
  async comeBack(): Promise<void> {
    await this.namespace.ip('link set in0 up', 'link set out0 up', 'link set sync0 up');
    await this.routeHome();
    await this.start();
  }

  async routeHome(): Promise<void> {
    const { number } = this;
    await this.namespace.ip(
      `route replace ${CLIENT} via 10.1.${number}.1`,
      `route replace ${SERVER} via 10.2.${number}.1`,
    );
  }

  /** The connections to the server that the kernel knows, established. */
  async established(): Promise<number> {
    const text = await this.namespace.must('conntrack', [
      '-L',
      '-p',
      'tcp',
      '-d',
      SERVER,
      '--state',
      'ESTABLISHED',
    ]);
    return text.split('\n').filter((line) => line.includes('dport=')).length;
  }

  /** The UDP flows to the server that the kernel knows. */
  async streams(): Promise<number> {
    const text = await this.namespace.must('conntrack', ['-L', '-p', 'udp', '-d', SERVER]);
    return text.split('\n').filter((line) => line.includes('dport=')).length;
  }

  /** The flows to {@link QUIET_DESTINATION} that the kernel knows. */
  async quietFlows(): Promise<number> {
    const text = await this.namespace.must('conntrack', ['-L', '-d', QUIET_DESTINATION]);
    return text.split('\n').filter((line) => line.includes('dport=')).length;
  }

  /** Packets that came from the client, or that the server sent. */
  async packetsIn(from: 'in0' | 'out0'): Promise<number> {
    return Number(await this.namespace.must('cat', [`/sys/class/net/${from}/statistics/rx_packets`]));
  }

  log(): string {
    return this.node?.log() ?? '';
  }

  private configuration(paths: {
    readonly logFile: string;
    readonly lockFile: string;
    readonly controlSocket: string;
  }): string {
    const ignored = Array.from({ length: this.count }, (_, n) => `IPv4_address 192.168.77.${n + 1}`);
    return `Sync {
  Mode ${this.mode} {
    DisableExternalCache on
    StartupResync on
  }
  Multicast {
    IPv4_address 225.0.0.50
    Group 3780
    IPv4_interface 192.168.77.${this.number}
    Interface sync0
    SndSocketBuffer 1249280
    RcvSocketBuffer 1249280
    Checksum on
  }
}
General {
  LogFile ${paths.logFile}
  LockFile ${paths.lockFile}
  NetlinkBufferSize 8388608
  NetlinkBufferSizeMaxGrowth 67108864
  UNIX {
    Path ${paths.controlSocket}
  }
  Filter From Userspace {
    Address Ignore {
      ${ignored.join('\n      ')}
    }
  }
}
`;
  }
}

/**
 * - `ecmp`: by a hash of addresses and ports, each end for itself.
 * - `crossed`: the same, with the next hops of the server in another order, so that most replies take another firewall.
 * - `ports`: by the client's port, equally on both ends, over two firewalls: a connection takes one. No ECMP, but the only way on
 *   which connections open where nothing is replicated.
 */
export type Routes = 'ecmp' | 'crossed' | 'ports';

export interface StageOptions {
  readonly members: readonly Member[];
  readonly mode: StageMode;
  /** How the ends choose among the firewalls. */
  readonly routes: Routes;
}

/**
 * A client and a server, and firewalls between them that all forward: each end has a route with a next hop for each firewall, which it
 * chooses among by addresses and ports.
 */
export class Stage {
  readonly firewalls: readonly ActiveFirewall[];
  readonly client: Namespace;
  readonly server: Namespace;
  private readonly routes: Routes;

  private constructor(
    client: Namespace,
    server: Namespace,
    firewalls: readonly ActiveFirewall[],
    routes: Routes,
  ) {
    this.client = client;
    this.server = server;
    this.firewalls = firewalls;
    this.routes = routes;
  }

  static async open(scope: Scope, options: StageOptions): Promise<Stage> {
    const client = await createNamespace(scope, 'client');
    const server = await createNamespace(scope, 'server');
    const network = await createNamespace(scope, 'switch');
    await network.ip('link add br0 type bridge mcast_snooping 0', 'link set br0 up');
    await client.ip(`addr add ${CLIENT}/32 dev lo`);
    await server.ip(`addr add ${SERVER}/32 dev lo`);
    for (const end of [client, server])
      await end.sysctl({ 'net.ipv4.fib_multipath_hash_policy': 1, 'net.ipv4.conf.all.rp_filter': 0 });
    const firewalls: ActiveFirewall[] = [];
    for (const n of options.members.keys()) {
      const number = n + 1;
      const namespace = await createNamespace(scope, `fw${number}`);
      const firewall = new ActiveFirewall(number, options, namespace, scope.directory);
      firewalls.push(firewall);
      await client.ip(`link add c${number} type veth peer name in0 netns ${namespace.name}`);
      await server.ip(`link add s${number} type veth peer name out0 netns ${namespace.name}`);
      await network.ip(
        `link add p${number} type veth peer name sync0 netns ${namespace.name}`,
        `link set p${number} master br0 up`,
      );
      await client.ip(`addr add 10.1.${number}.1/24 dev c${number}`, `link set c${number} up`);
      await server.ip(`addr add 10.2.${number}.1/24 dev s${number}`, `link set s${number} up`);
      await namespace.ip(
        `addr add 10.1.${number}.2/24 dev in0`,
        `addr add 10.2.${number}.2/24 dev out0`,
        `addr add 192.168.77.${number}/24 dev sync0`,
        'link set in0 up',
        'link set out0 up',
        'link set sync0 up',
      );
      await namespace.nft(RULES);
      // A flow that comes back has moved on since: its sequence numbers are those of another firewall.
      await namespace.sysctl({
        'net.ipv4.ip_forward': 1,
        'net.ipv4.conf.all.rp_filter': 0,
        'net.netfilter.nf_conntrack_tcp_loose': 0,
        'net.netfilter.nf_conntrack_tcp_be_liberal': 1,
        'net.netfilter.nf_conntrack_udp_timeout': UDP_TIMEOUT_S,
        'net.netfilter.nf_conntrack_udp_timeout_stream': UDP_TIMEOUT_S,
      });
      await firewall.routeHome();
    }
    const stage = new Stage(client, server, firewalls, options.routes);
    await stage.route(firewalls);
    for (const firewall of firewalls) await firewall.start();
    return stage;
  }

  /** Both ends spread their packets over these firewalls, from now on. */
  async route(firewalls: readonly ActiveFirewall[]): Promise<void> {
    const hops = (network: string, order: readonly ActiveFirewall[]): string =>
      order.map(({ number }) => `nexthop via 10.${network}.${number}.2`).join(' ');
    const back = this.routes === 'crossed' ? [...firewalls.slice(1), ...firewalls.slice(0, 1)] : firewalls;
    await this.client.ip(`route replace ${SERVER} src ${CLIENT} ${hops('1', firewalls)}`);
    await this.server.ip(`route replace ${CLIENT} src ${SERVER} ${hops('2', back)}`);
    if (this.routes === 'ports') await this.routeByPort(firewalls);
  }

  /** Connects take every second port: the next bit of it spreads them evenly. */
  private async routeByPort(firewalls: readonly ActiveFirewall[]): Promise<void> {
    const { client, server } = this;
    const [even, odd = even] = firewalls;
    for (const [end, network, side] of [
      [client, '1', 'sport'],
      [server, '2', 'dport'],
    ] as const) {
      await end.ipLenient('rule del priority 100', 'rule del priority 101');
      await end.nft(`table inet ports {
  chain output {
    type route hook output priority 0
    tcp ${side} & 2 == 0 meta mark set 1
    tcp ${side} & 2 == 2 meta mark set 2
  }
}`);
      await end.ip(
        `route replace default via 10.${network}.${even!.number}.2 table 101`,
        `route replace default via 10.${network}.${odd!.number}.2 table 102`,
        'rule add priority 100 fwmark 1 lookup 101',
        'rule add priority 101 fwmark 2 lookup 102',
      );
    }
  }

  /** Opens connections that talk all the while. */
  openConnections(count: number, intervalMs: number): Promise<Crowd> {
    return openCrowd(this.client, this.server, { address: SERVER, port: PORT, count, intervalMs });
  }

  /** Opens a UDP flow on which, once open, only the server sends. */
  openStream(): Promise<UdpFlow> {
    return openUdpFlow({ client: this.client, server: this.server, address: SERVER, port: STREAM_PORT });
  }

  /** Waits until every one of these kernels has so many established connections. */
  untilShared(count: number, firewalls: readonly ActiveFirewall[] = this.firewalls): Promise<void> {
    return untilAll('connections', firewalls, count, (firewall) => firewall.established());
  }

  /** Waits until every one of these kernels has so many quiet flows. */
  untilQuiet(count: number, firewalls: readonly ActiveFirewall[] = this.firewalls): Promise<void> {
    return untilAll('quiet flows', firewalls, count, (firewall) => firewall.quietFlows());
  }
}

async function untilAll(
  what: string,
  firewalls: readonly ActiveFirewall[],
  count: number,
  countOf: (firewall: ActiveFirewall) => Promise<number>,
): Promise<void> {
  for (const firewall of firewalls)
    await until(
      `${count} ${what} in kernel ${firewall.number}`,
      async () => {
        const found = await countOf(firewall);
        if (found < count) throw new Error(`${found} ${what}`);
        return true;
      },
      30_000,
      300,
    );
}
