/** Two namespaces with cables between them, for links whose two ends live in this process or in a C node. */

import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { openScope } from '../../sim/netns/scope.ts';
import { setNetworkNamespace } from '../../sim/netns/setns.ts';
import { until } from '../../sim/netns/until.ts';
import type { LinkConfig } from '../../src/config/config.ts';
import { type Links, type LinksOptions, openLinks } from '../../src/link/links.ts';
import type { LinkFact } from '../../src/link/redundant.ts';

export const PORT = 3780;
export type Side = 1 | 2;

/** Address of a side on cable `eth<n>`. */
export const address4 = (cable: number, side: Side) => `10.9.${cable}.${side}`;
export const address6 = (cable: number, side: Side) => `fd00:9:${cable}::${side}`;
export const linkLocal = (side: Side) => `fe80::${side}`;

export interface Lab {
  readonly directory: string;
  readonly sides: Readonly<Record<Side, Namespace>>;
  close(): Promise<void>;
}

/** Lays `cables` cables eth1, eth2 and so on between two new namespaces. */
export async function openLab(cables = 1): Promise<Lab> {
  const scope = openScope('lnk');
  try {
    const sides = { 1: await createNamespace(scope, 'a'), 2: await createNamespace(scope, 'b') };
    for (let cable = 1; cable <= cables; cable++) {
      await sides[1].ip(`link add eth${cable} type veth peer name eth${cable} netns ${sides[2].name}`);
      for (const side of [1, 2] as const) {
        await sides[side].ip(
          `link set eth${cable} addrgenmode none`,
          `link set eth${cable} up`,
          `addr add ${address4(cable, side)}/24 dev eth${cable}`,
          `addr add ${address6(cable, side)}/64 dev eth${cable} nodad`,
          `addr add ${linkLocal(side)}/64 dev eth${cable} nodad`,
        );
      }
    }
    // The kernel works out the operational state some time after the carrier is there.
    for (const side of [1, 2] as const) {
      await until('cables in operation', async () => {
        const text = await sides[side].must('ip', ['-o', 'link', 'show']);
        return text.match(/eth\d@.* state UP/g)?.length === cables;
      });
    }
    return { directory: scope.directory, sides, close: () => scope.close() };
  } catch (error) {
    await scope.close();
    throw error;
  }
}

/** Calls `action` with this thread in a namespace: sockets stay where they were opened. */
export async function inNamespace<T>(namespace: Namespace, action: () => Promise<T>): Promise<T> {
  const home = openSync('/proc/thread-self/ns/net', 'r');
  const there = openSync(`/run/netns/${namespace.name}`, 'r');
  try {
    setNetworkNamespace(there);
    return await action();
  } finally {
    setNetworkNamespace(home);
    closeSync(there);
    closeSync(home);
  }
}

export interface Arrival {
  readonly link: number;
  readonly sender: number;
  readonly bytes: Uint8Array;
}

/** Links with everything that they told. */
export interface Station {
  readonly links: Links;
  readonly arrivals: Arrival[];
  readonly facts: LinkFact[];
  /** Turns of reading, by link. */
  readonly turns: number[];
}

const stations = new Set<Links>();

export async function openStation(
  namespace: Namespace,
  configs: readonly LinkConfig[],
  options: LinksOptions = {},
): Promise<Station> {
  const arrivals: Arrival[] = [];
  const facts: LinkFact[] = [];
  const turns = configs.map(() => 0);
  const links = await inNamespace(namespace, () =>
    openLinks(
      configs,
      {
        datagram: (link, sender, bytes, start, end) =>
          arrivals.push({ link, sender, bytes: bytes.slice(start, end) }),
        drained: (link) => turns[link]!++,
        fact: (fact) => facts.push(fact),
      },
      options,
    ),
  );
  stations.add(links);
  return { links, arrivals, facts, turns };
}

/** Sends one datagram at once. */
export function say(links: Links, bytes: Uint8Array, length: number): void {
  links.send(bytes, length);
  links.flush();
}

export async function closeStations(): Promise<void> {
  await Promise.all([...stations].map((links) => links.close()));
  stations.clear();
}

const COMMON = {
  default: false,
  port: PORT,
  sendBuffer: 0,
  receiveBuffer: 0,
  checksum: true,
  line: 12,
} as const;

type Changes = Partial<Omit<LinkConfig, 'transport' | 'family'>>;

/** Configurations of the kinds of links, as `side` has it on cable `eth<cable>`. */
export const kinds = {
  'UDP over IPv4': (side: Side, cable = 1, changes: Changes = {}): LinkConfig => ({
    ...COMMON,
    transport: 'udp',
    interface: `eth${cable}`,
    family: 4,
    address: address4(cable, side),
    destination: address4(cable, other(side)),
    ...changes,
  }),
  'UDP over IPv6': (side: Side, cable = 1, changes: Changes = {}): LinkConfig => ({
    ...COMMON,
    transport: 'udp',
    interface: `eth${cable}`,
    family: 6,
    address: address6(cable, side),
    destination: address6(cable, other(side)),
    ...changes,
  }),
  'UDP over IPv6 link-local addresses': (side: Side, cable = 1, changes: Changes = {}): LinkConfig => ({
    ...COMMON,
    transport: 'udp',
    interface: `eth${cable}`,
    family: 6,
    address: linkLocal(side),
    destination: linkLocal(other(side)),
    ...changes,
  }),
  'multicast over IPv4': (side: Side, cable = 1, changes: Changes = {}): LinkConfig => ({
    ...COMMON,
    transport: 'multicast',
    interface: `eth${cable}`,
    family: 4,
    group: '225.0.0.50',
    interfaceAddress: address4(cable, side),
    ...changes,
  }),
  'multicast over IPv6': (_side: Side, cable = 1, changes: Changes = {}): LinkConfig => ({
    ...COMMON,
    transport: 'multicast',
    interface: `eth${cable}`,
    family: 6,
    group: 'ff05::50',
    interfaceAddress: undefined,
    ...changes,
  }),
  'multicast over IPv6 within the link': (_side: Side, cable = 1, changes: Changes = {}): LinkConfig => ({
    ...COMMON,
    transport: 'multicast',
    interface: `eth${cable}`,
    family: 6,
    group: 'ff02::50',
    interfaceAddress: undefined,
    ...changes,
  }),
};

/** As {@link kinds}, for links whose two ends cannot live in one process: they open sockets whenever they need one. */
export const streamKinds = {
  'TCP over IPv4': (side: Side, cable = 1, changes: Changes = {}): LinkConfig => ({
    ...COMMON,
    transport: 'tcp',
    interface: `eth${cable}`,
    family: 4,
    address: address4(cable, side),
    destination: address4(cable, other(side)),
    ...changes,
  }),
  'TCP over IPv6': (side: Side, cable = 1, changes: Changes = {}): LinkConfig => ({
    ...COMMON,
    transport: 'tcp',
    interface: `eth${cable}`,
    family: 6,
    address: address6(cable, side),
    destination: address6(cable, other(side)),
    ...changes,
  }),
  'TCP over IPv6 link-local addresses': (side: Side, cable = 1, changes: Changes = {}): LinkConfig => ({
    ...COMMON,
    transport: 'tcp',
    interface: `eth${cable}`,
    family: 6,
    address: linkLocal(side),
    destination: linkLocal(other(side)),
    ...changes,
  }),
};

export function other(side: Side): Side {
  return side === 1 ? 2 : 1;
}

/** A link's clause as the C node reads it. */
export function clauseOf(config: LinkConfig): string {
  const family = `IPv${config.family}`;
  const options = [`Checksum ${config.checksum ? 'on' : 'off'}`];
  if (config.transport === 'multicast') {
    options.push(`${family}_address ${config.group}`, `Group ${config.port}`);
    if (config.interfaceAddress !== undefined) options.push(`IPv4_interface ${config.interfaceAddress}`);
  } else {
    options.push(`${family}_address ${config.address}`, `Port ${config.port}`);
    options.push(`${family}_Destination_Address ${config.destination}`);
  }
  // C takes the index of a multicast link's interface only when it knows by then that the link is one of IPv6.
  options.push(`Interface ${config.interface}`);
  const keyword = { multicast: 'Multicast', udp: 'UDP', tcp: 'TCP' }[config.transport];
  return `${keyword}${config.default ? ' Default' : ''} {\n${options.map((option) => `\t\t${option}\n`).join('')}\t}`;
}

export interface CNode {
  /** Ends it without a good-bye. */
  kill(): Promise<unknown>;
  /** The answer to `conntrackd -s <word>`. */
  statistics(word: string): Promise<string>;
  log(): Promise<string>;
}

/** Starts a C node in FT-FW mode with these links; it ends with the laboratory. */
export async function startCNode(lab: Lab, side: Side, configs: readonly LinkConfig[]): Promise<CNode> {
  const directory = await mkdtemp(join(lab.directory, `c-${side}-`));
  const path = (name: string) => join(directory, name);
  await writeFile(
    path('conf'),
    `Sync {
	Mode FTFW {
	}
	${configs.map(clauseOf).join('\n\t')}
}
General {
	HashSize 1024
	HashLimit 4096
	LogFile ${path('log')}
	LockFile ${path('lock')}
	UNIX {
		Path ${path('control')}
	}
}
`,
  );
  const namespace = lab.sides[side];
  const program = await namespace.start('/usr/sbin/conntrackd', ['-C', path('conf')]);
  const statistics = (word: string) =>
    namespace.must('/usr/sbin/conntrackd', ['-C', path('conf'), '-s', word]);
  await until('the C node answers', () => statistics('link'));
  return { statistics, log: () => readFile(path('log'), 'utf8'), kill: () => program.stop('SIGKILL') };
}
