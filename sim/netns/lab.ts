/**
 * The laboratory: two firewalls with real kernels in network namespaces, a client inside, a server outside, and a node
 * of either kind on each firewall.
 *
 * ```ts
 * await withLab({}, async (lab) => {
 *   await lab.startNodes({ a: { program: cProgram }, b: { program: javascriptProgram('dist/program/main.js') } });
 *   const connection = await lab.connect();           // client -> A -> server, source-translated
 *   await connection.exchange();                      // { ok: true, ... }
 *   await lab.replicated(connection);                 // B's external cache has it
 *   await lab.failover({ commit: true });             // A dies, B takes over as primary-backup.sh does
 *   await connection.exchange();                      // still ok; with { commit: false } it is not
 * });                                                 // nothing is left behind, whatever happened
 * ```
 *
 * Needs root, Linux, and iproute2, nftables, conntrack: see `missingForLab`. Several laboratories run side by side, in one
 * process or in many; they share only `nf_conntrack_max`.
 */

import { join } from 'node:path';
import { type Capture, startCapture } from './capture.ts';
import { type ConntrackArguments, loadFlows } from './flows.ts';
import { type Loss, startLoss } from './loss.ts';
import type { Namespace } from './namespace.ts';
import { type ConntrackdNode, type NodeOptions, startNode } from './node.ts';
import { openScope } from './scope.ts';
import { type FlowLine, flowsMatching, parseFlowTable } from './table.ts';
import {
  ADDRESSES,
  acquireVirtualAddresses,
  createTopology,
  type Family,
  INSIDE_LINK,
  OUTSIDE_LINK,
  releaseVirtualAddresses,
  type Side,
  syncLinkName,
  type TopologyOptions,
} from './topology.ts';
import {
  openTcpConnection,
  openUdpFlow,
  startEchoServer,
  type TcpConnection,
  type UdpFlow,
} from './traffic.ts';
import { until } from './until.ts';

export { missingForLab } from './availability.ts';
export type { Capture } from './capture.ts';
export { udpDatagrams } from './capture.ts';
export type { Configuration, ConfigurationOptions, NodePlace } from './configuration.ts';
export { type ConntrackArguments, type SampleFlow, sampleFlows, tcpLoad } from './flows.ts';
export type { Loss } from './loss.ts';
export type { Namespace } from './namespace.ts';
export {
  type ConntrackdNode,
  cProgram,
  javascriptProgram,
  launcherProgram,
  type NodeOptions,
  NodeStartError,
  type Program,
} from './node.ts';
export { removeAbandoned } from './scope.ts';
export { type FlowLine, flowsMatching, parseFlowLine, parseFlowTable } from './table.ts';
export { ADDRESSES, type Family, type Side, syncAddress } from './topology.ts';
export type { Exchange, TcpConnection, UdpFlow } from './traffic.ts';
export { until } from './until.ts';

export interface LabOptions extends TopologyOptions {
  /** No firewall has the virtual addresses: another program, such as keepalived, assigns them. */
  readonly withoutVirtualAddresses?: boolean;
}

/** One of the two firewalls. */
export interface Firewall {
  readonly side: Side;
  readonly namespace: Namespace;
  /** Starts a node here; the previous one must have ended. */
  start(options?: NodeOptions): Promise<ConntrackdNode>;
  /** The last node started; an error if there is none. */
  node(): ConntrackdNode;
  /** The kernel's table, sorted. */
  flows(): Promise<FlowLine[]>;
  /** Number of flows in the kernel's table; cheap to read. */
  flowCount(): Promise<number>;
  /** Runs `conntrack` with these arguments, which must succeed. */
  conntrack(...args: ConntrackArguments): Promise<string>;
  /** Runs many lines of `conntrack` arguments at once. */
  load(lines: readonly string[]): Promise<void>;
  /** Takes interfaces up or down: `in0`, `out0`, `sync0`, ... */
  setLinks(state: 'up' | 'down', ...links: readonly string[]): Promise<void>;
  /** Drops this percentage of the packets that arrive here on one sync link; by default on all of them. */
  lose(percent: number, link?: string): Promise<Loss>;
}

export interface ConnectOptions {
  /** By default 4. */
  readonly family?: Family;
  /** Port of the server: 7000 or 21, by default 7000. */
  readonly port?: number;
  readonly localPort?: number;
  readonly timeout?: number;
}

/** What finds a flow from the client to the server. */
export type FlowPorts = Pick<TcpConnection, 'localPort' | 'remotePort'>;

export interface FailoverOptions {
  /** Whether the firewall that takes over commits what it has received. */
  readonly commit: boolean;
  /** Whether the dead firewall's sync links go down too; by default they stay up. */
  readonly syncLinks?: boolean;
}

export interface Lab {
  /** Unique; the names of all namespaces begin with it. */
  readonly id: string;
  /** Private directory, removed at the end. */
  readonly directory: string;
  readonly client: Namespace;
  readonly server: Namespace;
  readonly a: Firewall;
  readonly b: Firewall;
  /** The firewall that has the virtual addresses: A at the start. */
  active(): Firewall;
  standby(): Firewall;
  /** Starts a node on both firewalls. */
  startNodes(options?: { readonly a?: NodeOptions; readonly b?: NodeOptions }): Promise<void>;
  /** Opens a TCP connection from the client to the echo server, through the active firewall. */
  connect(options?: ConnectOptions): Promise<TcpConnection>;
  /** Opens a UDP flow on which, once open, only the server sends. */
  openUdp(options?: ConnectOptions): Promise<UdpFlow>;
  /**
   * Waits until both nodes have received each other's answer to their HELLO, some 3 seconds after the start. Before that
   * an FT-FW node accepts every number, so what is lost until then stays lost.
   */
  settled(timeout?: number): Promise<void>;
  /** Waits until the standby's external cache has these flows, established. */
  replicated(...flows: readonly FlowPorts[]): Promise<void>;
  /** Moves the virtual addresses to a firewall and announces them on its LANs. Does nothing else to either node. */
  moveAddresses(to: Side): Promise<void>;
  /**
   * Kills the active firewall's node and takes its LAN links down. The other firewall gets the virtual addresses and, on
   * request, does what primary-backup.sh does: `-c`, `-f`, `-R`, `-B`. Returns how long each took, in milliseconds.
   */
  failover(options: FailoverOptions): Promise<{ move: number; commit?: number }>;
  /** Does what primary-backup.sh does on a firewall that becomes primary. */
  becomePrimary(firewall: Firewall): Promise<void>;
  /** Does what primary-backup.sh does on a firewall that becomes backup: `-t`, `-n`. */
  becomeBackup(firewall: Firewall): Promise<void>;
  /** Records the packets at A's end of a sync link, by default the first one, to a pcap file. */
  capture(link?: number, filter?: string): Promise<Capture>;
  /** Ends everything. May be called more than once. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

const TCP_PORT = 7000;
const FTP_PORT = 21;
const FIRST_UDP_PORT = 8000;

/** Runs `work` in a laboratory and closes the laboratory afterwards, even if `work` fails. */
export async function withLab<T>(options: LabOptions, work: (lab: Lab) => Promise<T>): Promise<T> {
  const lab = await openLab(options);
  try {
    return await work(lab);
  } finally {
    await lab.close();
  }
}

/** Opens a laboratory; the caller closes it. By default firewall A has the virtual addresses. */
export async function openLab(options: LabOptions = {}): Promise<Lab> {
  const scope = openScope();
  try {
    const topology = await createTopology(scope, options);
    const firewall = (side: Side) =>
      createFirewall(topology.firewalls[side], side, topology.syncLinks, scope.directory);
    const firewalls = { a: firewall('a'), b: firewall('b') };
    let active: Side = 'a';
    let nextUdpPort = FIRST_UDP_PORT;
    if (!options.withoutVirtualAddresses) await acquireVirtualAddresses(topology, active);
    await startEchoServer(topology.server, [TCP_PORT, FTP_PORT]);
    let captures = 0;

    const ends = ({ family = 4, port, localPort, timeout }: ConnectOptions, defaultPort: number) => ({
      client: topology.client,
      server: topology.server,
      address: ADDRESSES.server[`v${family}`],
      port: port ?? defaultPort,
      ...(localPort === undefined ? {} : { localPort }),
      ...(timeout === undefined ? {} : { timeout }),
    });

    const lab: Lab = {
      id: scope.id,
      directory: scope.directory,
      client: topology.client,
      server: topology.server,
      a: firewalls.a,
      b: firewalls.b,
      active: () => firewalls[active],
      standby: () => firewalls[active === 'a' ? 'b' : 'a'],
      async startNodes({ a, b } = {}) {
        await Promise.all([firewalls.a.start(a), firewalls.b.start(b)]);
      },
      connect: (wanted = {}) => openTcpConnection(ends(wanted, TCP_PORT)),
      openUdp: (wanted = {}) => openUdpFlow(ends(wanted, nextUdpPort++)),
      async settled(timeout) {
        // In this order: a packet received, a packet sent after that, and one that may have been in flight meanwhile.
        const countReceived = () =>
          Promise.all([firewalls.a, firewalls.b].map(({ node }) => node().packetsReceived()));
        const first = await until(
          'a packet at both nodes',
          async () => {
            const counts = await countReceived();
            return counts.every((count) => count > 0) ? counts : undefined;
          },
          timeout,
        );
        await until(
          'two more packets at both nodes',
          async () => {
            const counts = await countReceived();
            return counts.every((count, index) => count >= first[index]! + 2);
          },
          timeout,
        );
      },
      async replicated(...flows) {
        const node = lab.standby().node();
        await until(`${flows.length} flows in the external cache of ${lab.standby().side}`, async () => {
          const cache = await node.cache('external');
          return flows.every((flow) => {
            const ports = { sport: String(flow.localPort), dport: String(flow.remotePort) };
            return flowsMatching(cache, ports).some(isSettled);
          });
        });
      },
      async moveAddresses(to) {
        await releaseVirtualAddresses(topology, to === 'a' ? 'b' : 'a');
        await acquireVirtualAddresses(topology, to);
        active = to;
      },
      async failover({ commit, syncLinks = false }) {
        const [dying, successor] = [lab.active(), lab.standby()];
        const begin = performance.now();
        await dying.node().kill();
        const sync = Array.from({ length: syncLinks ? topology.syncLinks : 0 }, (_, link) =>
          syncLinkName(link),
        );
        await dying.setLinks('down', INSIDE_LINK, OUTSIDE_LINK, ...sync);
        await lab.moveAddresses(successor.side);
        const moved = performance.now();
        if (!commit) return { move: moved - begin };
        await lab.becomePrimary(successor);
        return { move: moved - begin, commit: performance.now() - moved };
      },
      async becomePrimary({ node }) {
        for (const word of ['-c', '-f', '-R', '-B']) await node().command(word);
      },
      async becomeBackup({ node }) {
        for (const word of ['-t', '-n']) await node().command(word);
      },
      capture: (link = 0, filter = '') =>
        startCapture(
          topology.firewalls.a,
          syncLinkName(link),
          join(scope.directory, `capture-${++captures}.pcap`),
          filter,
        ),
      close: () => scope.close(),
      [Symbol.asyncDispose]: () => scope.close(),
    };
    return lab;
  } catch (error) {
    await scope.close();
    throw error;
  }
}

// A TCP flow whose complete handshake the standby has seen, or any other flow that was answered.
function isSettled(flow: FlowLine): boolean {
  return flow.protocol === 'tcp' ? flow.state === 'ESTABLISHED' : !flow.flags.includes('UNREPLIED');
}

function createFirewall(namespace: Namespace, side: Side, syncLinks: number, directory: string): Firewall {
  let current: ConntrackdNode | undefined;
  let started = 0;
  const firewall: Firewall = {
    side,
    namespace,
    async start(options) {
      if (current?.running()) throw new Error(`firewall ${side} has a running node already`);
      // A new directory each time: the lock file of a killed node prevents the next one from starting.
      const place = { side, syncLinks, directory: join(directory, `${side}${++started}`) };
      current = await startNode(namespace, place, options);
      return current;
    },
    node() {
      if (current === undefined) throw new Error(`firewall ${side} has no node`);
      return current;
    },
    flows: async () => parseFlowTable(await namespace.must('conntrack', ['-L', '-o', 'extended'])),
    flowCount: async () => Number((await namespace.must('conntrack', ['-C'])).trim()),
    conntrack: (...args) => namespace.must('conntrack', args),
    load: (lines) => loadFlows(namespace, lines, directory),
    setLinks: (state, ...links) => namespace.ip(...links.map((link) => `link set ${link} ${state}`)),
    lose: (percent, link = 'sync*') => startLoss(namespace, link, percent),
  };
  return firewall;
}
