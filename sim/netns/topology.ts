import { createNamespace, type Namespace } from './namespace.ts';
import { runOrThrow } from './process.ts';
import type { Scope } from './scope.ts';
import { until } from './until.ts';

export type Side = 'a' | 'b';
export type Family = 4 | 6;

/** An address in both families. */
export interface Address {
  readonly v4: string;
  readonly v6: string;
}

const at = (v4: string, v6: string): Address => ({ v4, v6 });

/**
 * The addresses of a laboratory. Every laboratory uses the same ones: laboratories cannot see each other.
 *
 * The `virtual` addresses belong to the active firewall. The inside one is the client's gateway; the outside one becomes
 * the source of the client's flows by source NAT.
 */
export const ADDRESSES = {
  client: at('192.168.10.10', 'fd00:10::10'),
  server: at('203.0.113.10', '2001:db8:20::10'),
  insideVirtual: at('192.168.10.1', 'fd00:10::1'),
  outsideVirtual: at('203.0.113.1', '2001:db8:20::1'),
  inside: { a: at('192.168.10.2', 'fd00:10::2'), b: at('192.168.10.3', 'fd00:10::3') },
  outside: { a: at('203.0.113.2', '2001:db8:20::2'), b: at('203.0.113.3', '2001:db8:20::3') },
} as const;

/** The address of a firewall on the sync link with this number. */
export function syncAddress(side: Side, link: number): Address {
  const host = side === 'a' ? 1 : 2;
  return at(`10.99.${link}.${host}`, `fd00:99:${link}::${host}`);
}

export const INSIDE_LINK = 'in0';
export const OUTSIDE_LINK = 'out0';
export const syncLinkName = (link: number): string => `sync${link}`;

// As in VRRP (RFC 5798, 7.3), the virtual addresses have a hardware address that moves with them. So the neighbours learn
// nothing new; only the switches do, from the gratuitous ARP.
const VIRTUAL_MAC = { [INSIDE_LINK]: '00:00:5e:00:01:0a', [OUTSIDE_LINK]: '00:00:5e:00:01:14' } as const;
const OWN_MAC = {
  a: { [INSIDE_LINK]: '02:00:00:00:0a:01', [OUTSIDE_LINK]: '02:00:00:00:14:01' },
  b: { [INSIDE_LINK]: '02:00:00:00:0a:02', [OUTSIDE_LINK]: '02:00:00:00:14:02' },
} as const;

const PREFIX = { v4: 24, v6: 64 } as const;

export interface TopologyOptions {
  /** Links between the firewalls that carry only replication, 1 to 4. By default 1. */
  readonly syncLinks?: number;
  /** Kernel parameters for both firewalls, such as `{ 'net.netfilter.nf_conntrack_acct': 1 }`. */
  readonly sysctl?: Readonly<Record<string, number | string>>;
  /** Whether the kernel's FTP helper follows TCP connections to port 21, with real expectations. */
  readonly ftp?: boolean;
  /** Number of the connection label (0 to 127) that every new flow from the inside gets. */
  readonly label?: number;
  /** Ports that translated flows get; by default the kernel keeps the original port if it is free. */
  readonly translatedPorts?: readonly [first: number, last: number];
  /** Further nft text, loaded into both firewalls after the rule set. */
  readonly rules?: string;
}

export interface Topology {
  readonly client: Namespace;
  readonly server: Namespace;
  readonly inside: Namespace;
  readonly outside: Namespace;
  readonly firewalls: Readonly<Record<Side, Namespace>>;
  readonly syncLinks: number;
}

/**
 * ```
 *  client --- inside ---+--- in0  A  out0 ---+--- outside --- server
 *            (switch)   |        sync0..     |   (switch)
 *                       +--- in0  B  out0 ---+
 * ```
 * Both firewalls carry the same rule set; neither has the virtual addresses yet.
 */
export async function createTopology(scope: Scope, options: TopologyOptions = {}): Promise<Topology> {
  const { syncLinks = 1 } = options;
  if (!Number.isInteger(syncLinks) || syncLinks < 1 || syncLinks > 4) {
    throw new Error(`syncLinks: expected 1 to 4, got ${syncLinks}`);
  }
  const [client, server, inside, outside, a, b] = await Promise.all(
    ['cli', 'srv', 'ins', 'out', 'fwa', 'fwb'].map((suffix) => createNamespace(scope, suffix)),
  );
  const topology: Topology = {
    client: client!,
    server: server!,
    inside: inside!,
    outside: outside!,
    firewalls: { a: a!, b: b! },
    syncLinks,
  };
  const everyone = [topology.client, topology.server, topology.inside, topology.outside, a!, b!];
  const quiet = {
    'net.ipv6.conf.all.accept_dad': 0,
    'net.ipv6.conf.default.accept_dad': 0,
    'net.ipv6.conf.all.router_solicitations': 0,
    'net.ipv6.conf.default.router_solicitations': 0,
    'net.ipv6.conf.default.accept_ra': 0,
  };
  await Promise.all(everyone.map((namespace) => namespace.sysctl(quiet)));
  await Promise.all([wireLan(topology, 'inside'), wireLan(topology, 'outside'), wireSyncLinks(topology)]);
  await Promise.all([
    configureHost(topology.client, ADDRESSES.client, ADDRESSES.insideVirtual),
    // The server has no route to the inside: it cannot answer untranslated packets.
    configureHost(topology.server, ADDRESSES.server),
    configureFirewall(topology, 'a', options),
    configureFirewall(topology, 'b', options),
  ]);
  await Promise.all(everyone.map(untilCarried));
  return topology;
}

/** Waits until IPv6 works on every link of a namespace: the kernel adds the multicast route when the link is ready. */
async function untilCarried(namespace: Namespace): Promise<void> {
  await until(
    `links of ${namespace.name}`,
    async () => {
      const links = await runOrThrow('ip', ['-n', namespace.name, '-o', 'link', 'show', 'up']);
      const routes = await runOrThrow('ip', ['-n', namespace.name, '-6', 'route', 'show', 'table', 'local']);
      const names = links
        .split('\n')
        // The kernel leaves IPv6 off the ports of a bridge.
        .filter((line) => !line.includes(' master '))
        .map((line) => /^\d+: ([^:@]+)/.exec(line)?.[1])
        .filter((name) => name !== undefined && name !== 'lo');
      const waiting = names.filter((name) => !routes.includes(`multicast ff00::/8 dev ${name} `));
      if (waiting.length > 0) throw new Error(`${waiting.join(', ')} not ready`);
      return true;
    },
    5_000,
    20,
  );
}

// The kernel announces internally at once that a veth is up, unless both ends have the same index. Then it may take a
// second (linkwatch), during which IPv6 multicast is lost. Hence indices that cannot coincide.
function vethPair(name: string, index: number, peerName: string, peer: Namespace): string {
  const other = nextPeerIndex++;
  return `link add ${name} index ${index} type veth peer name ${peerName} index ${other} netns ${peer.name}`;
}

let nextPeerIndex = 1000;

async function wireLan(topology: Topology, lan: 'inside' | 'outside'): Promise<void> {
  const host = lan === 'inside' ? topology.client : topology.server;
  const link = lan === 'inside' ? INSIDE_LINK : OUTSIDE_LINK;
  const { a, b } = topology.firewalls;
  await topology[lan].ip(
    'link add br0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0',
    vethPair('host', 10, 'eth0', host),
    vethPair('fwa', 11, link, a),
    vethPair('fwb', 12, link, b),
    ...['host', 'fwa', 'fwb'].flatMap((port) => [`link set ${port} master br0`, `link set ${port} up`]),
    'link set br0 up',
  );
}

async function wireSyncLinks(topology: Topology): Promise<void> {
  const { a, b } = topology.firewalls;
  const commands = (side: Side) =>
    Array.from({ length: topology.syncLinks }, (_, link) => {
      const name = syncLinkName(link);
      const address = syncAddress(side, link);
      return [
        `link set ${name} multicast on`,
        `addr add ${address.v4}/24 dev ${name}`,
        `addr add ${address.v6}/64 dev ${name} nodad`,
        `link set ${name} up`,
      ];
    }).flat();
  await a.ip(
    ...Array.from({ length: topology.syncLinks }, (_, link) =>
      vethPair(syncLinkName(link), 10 + link, syncLinkName(link), b),
    ),
  );
  await Promise.all([a.ip(...commands('a')), b.ip(...commands('b'))]);
}

async function configureHost(namespace: Namespace, address: Address, gateway?: Address): Promise<void> {
  await namespace.ip(
    `addr add ${address.v4}/${PREFIX.v4} dev eth0`,
    `addr add ${address.v6}/${PREFIX.v6} dev eth0 nodad`,
    'link set eth0 up',
    ...(gateway === undefined
      ? []
      : [`route add default via ${gateway.v4}`, `route add ::/0 via ${gateway.v6}`]),
  );
}

async function configureFirewall(topology: Topology, side: Side, options: TopologyOptions): Promise<void> {
  const namespace = topology.firewalls[side];
  const links = [INSIDE_LINK, OUTSIDE_LINK] as const;
  await namespace.ip(
    ...links.flatMap((link) => {
      const own = link === INSIDE_LINK ? ADDRESSES.inside[side] : ADDRESSES.outside[side];
      return [
        `link set ${link} address ${OWN_MAC[side][link]}`,
        `addr add ${own.v4}/${PREFIX.v4} dev ${link}`,
        `addr add ${own.v6}/${PREFIX.v6} dev ${link} nodad`,
        `link set ${link} up`,
      ];
    }),
  );
  // The rule set comes first: it makes the kernel track connections in a fresh namespace.
  await namespace.nft(ruleSet(options));
  if (options.rules !== undefined) await namespace.nft(options.rules);
  await namespace.sysctl({
    'net.ipv4.ip_forward': 1,
    'net.ipv6.conf.all.forwarding': 1,
    'net.ipv4.conf.all.rp_filter': 0,
    // Otherwise a link loses its IPv6 addresses when it goes down and comes up again.
    'net.ipv6.conf.all.keep_addr_on_down': 1,
    // The kernel announces a new hardware address with gratuitous ARP and unsolicited neighbour advertisements.
    [`net.ipv4.conf.${INSIDE_LINK}.arp_notify`]: 1,
    [`net.ipv4.conf.${OUTSIDE_LINK}.arp_notify`]: 1,
    [`net.ipv6.conf.${INSIDE_LINK}.ndisc_notify`]: 1,
    [`net.ipv6.conf.${OUTSIDE_LINK}.ndisc_notify`]: 1,
    // The kernel must not create a flow from packets in the middle of a connection.
    'net.netfilter.nf_conntrack_tcp_loose': 0,
    ...options.sysctl,
  });
}

/**
 * The stateful rule set of both firewalls. It silently drops packets that belong to no known flow and start no new flow from
 * the inside: a reset or an ICMP error would break a connection for the wrong reason.
 */
export function ruleSet(options: TopologyOptions = {}): string {
  return `
table inet lab {
  ${options.ftp ? 'ct helper ftp-standard { type "ftp" protocol tcp; }' : ''}
  chain arriving {
    type filter hook prerouting priority raw; policy accept;
    iifname "lo" notrack
    iifname "sync*" notrack
  }
  chain leaving {
    type filter hook output priority raw; policy accept;
    oifname "lo" notrack
    oifname "sync*" notrack
  }
  chain incoming {
    type filter hook input priority filter; policy drop;
    iifname "lo" accept
    iifname "sync*" accept
    meta l4proto { icmp, ipv6-icmp } accept
    ct state established,related accept
  }
  chain assigning {
    type filter hook prerouting priority filter; policy accept;
    ${options.ftp ? `iifname "${INSIDE_LINK}" tcp dport 21 ct state new ct helper set "ftp-standard"` : ''}
  }
  chain forwarding {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    ${options.label === undefined ? '' : `iifname "${INSIDE_LINK}" ct state new ct label set ${options.label}`}
    iifname "${INSIDE_LINK}" oifname "${OUTSIDE_LINK}" ct state new accept
  }
  chain translating {
    type nat hook postrouting priority srcnat; policy accept;
    ${translation(options).join('\n    ')}
  }
}
`;
}

function translation({ translatedPorts }: TopologyOptions): string[] {
  const from4 = `ip saddr 192.168.10.0/24 oifname "${OUTSIDE_LINK}"`;
  const from6 = `ip6 saddr fd00:10::/64 oifname "${OUTSIDE_LINK}"`;
  const { v4, v6 } = ADDRESSES.outsideVirtual;
  const plain = [`${from4} snat ip to ${v4}`, `${from6} snat ip6 to ${v6}`];
  if (translatedPorts === undefined) return plain;
  const ports = translatedPorts.join('-');
  return [
    `${from4} meta l4proto { tcp, udp } snat ip to ${v4}:${ports}`,
    `${from6} meta l4proto { tcp, udp } snat ip6 to [${v6}]:${ports}`,
    ...plain,
  ];
}

const virtualAddresses = [
  [INSIDE_LINK, ADDRESSES.insideVirtual],
  [OUTSIDE_LINK, ADDRESSES.outsideVirtual],
] as const;

/** Removes the virtual addresses from a firewall; has no effect if it has none or its links are down. */
export async function releaseVirtualAddresses(topology: Topology, side: Side): Promise<void> {
  await topology.firewalls[side].ipLenient(
    ...virtualAddresses.flatMap(([link, address]) => [
      `addr del ${address.v4}/${PREFIX.v4} dev ${link}`,
      `addr del ${address.v6}/${PREFIX.v6} dev ${link}`,
      `link set ${link} address ${OWN_MAC[side][link]}`,
    ]),
  );
}

/** The `ip` commands that give a firewall the virtual addresses. */
export function acquisitionCommands(): string[] {
  return virtualAddresses.flatMap(([link, address]) => [
    `addr replace ${address.v4}/${PREFIX.v4} dev ${link}`,
    `addr replace ${address.v6}/${PREFIX.v6} dev ${link} nodad`,
    `link set ${link} address ${VIRTUAL_MAC[link]}`,
  ]);
}

/** Gives a firewall the virtual addresses. When this resolves, the switches already forward their traffic there. */
export async function acquireVirtualAddresses(topology: Topology, side: Side): Promise<void> {
  await topology.firewalls[side].ip(...acquisitionCommands());
}
