import { setTimeout as sleep } from 'node:timers/promises';
import { cacheKeys, differenceOf, isEqual, keysIn } from '../../sim/faults/stage/comparison.ts';
import { type Churn, startChurn } from '../../sim/load/churn.ts';
import { makeEvents } from '../../sim/load/make-events.ts';
import type { NodePaths } from '../../sim/netns/configuration.ts';
import { dropArriving, type Loss } from '../../sim/netns/loss.ts';
import { createNamespace, type Namespace } from '../../sim/netns/namespace.ts';
import { type ConntrackdNode, type Program, startNode } from '../../sim/netns/node.ts';
import type { Scope } from '../../sim/netns/scope.ts';
import { until } from '../../sim/netns/until.ts';

const LINKS = [0, 1];
/** Numbers of flows of two nodes are so far apart that none of them has a flow of another one. */
const NUMBERS = 10_000_000;

/** One of the nodes, and the traffic in its kernel. */
export interface GroupNode {
  readonly number: number;
  readonly namespace: Namespace;
  node: ConntrackdNode;
  readonly churn: Churn;
}

/** FT-FW nodes of one program that all send and receive on two multicast links, each with traffic of its own. */
export class GroupStage {
  readonly nodes: readonly GroupNode[];
  private readonly program: Program;
  private readonly directory: string;

  private constructor(program: Program, directory: string, nodes: readonly GroupNode[]) {
    this.program = program;
    this.directory = directory;
    this.nodes = nodes;
  }

  /** @param flows that each kernel has at a time. @param ratePerSecond events of each */
  static async open(
    scope: Scope,
    program: Program,
    size: number,
    flows: number,
    ratePerSecond: number,
  ): Promise<GroupStage> {
    const network = await createNamespace(scope, 'switch');
    for (const link of LINKS)
      await network.ip(`link add br${link} type bridge mcast_snooping 0`, `link set br${link} up`);
    const started: Omit<GroupNode, 'churn'>[] = [];
    for (let number = 1; number <= size; number++) {
      const namespace = await createNamespace(scope, `n${number}`);
      // Also flows that begin while no daemon listens tell of their ends.
      await namespace.sysctl({ 'net.netfilter.nf_conntrack_events': 1 });
      for (const link of LINKS) {
        const port = `p${number}-${link}`;
        await network.ip(
          `link add ${port} type veth peer name sync${link} netns ${namespace.name}`,
          `link set ${port} master br${link} up`,
        );
        await namespace.ip(
          `addr add ${addressOf(number, link)}/24 dev sync${link}`,
          `link set sync${link} up`,
        );
      }
      await makeEvents(namespace, { change: 'new', first: number * NUMBERS, count: flows });
      const node = await start(namespace, number, program, scope.directory);
      started.push({ number, namespace, node });
    }
    const nodes: GroupNode[] = [];
    for (const one of started) {
      const oldest = one.number * NUMBERS;
      const churn = await startChurn(one.namespace, { oldest, next: oldest + flows, ratePerSecond });
      nodes.push({ ...one, churn });
    }
    return new GroupStage(program, scope.directory, nodes);
  }

  /** Kills a node's daemon and starts another one, which knows nothing. Its kernel and the traffic there go on. */
  async restart(one: GroupNode): Promise<void> {
    await one.node.kill();
    one.node = await start(one.namespace, one.number, this.program, this.directory);
  }

  /** A node does not receive anything of another one, on no link, until that is stopped. */
  deafen(one: GroupNode, to: GroupNode): Promise<Loss> {
    const addresses = LINKS.map((link) => addressOf(to.number, link)).join(', ');
    return dropArriving(one.namespace, `ip saddr { ${addresses} }`, 100);
  }

  /** Halts the traffic until the external caches of these nodes have what the other kernels have, no less and no more. */
  async untilEqual(nodes: readonly GroupNode[] = this.nodes): Promise<void> {
    for (const { churn } of this.nodes) await churn.pause();
    await until('equal caches', async () => {
      const kernels = await Promise.all(
        this.nodes.map(async ({ namespace }) => keysIn(await namespace.must('conntrack', ['-L']))),
      );
      for (const { node, number } of nodes) {
        const others = new Set(kernels.flatMap((keys, n) => (n + 1 === number ? [] : [...keys])));
        const difference = differenceOf(others, await cacheKeys(node, 'external'));
        if (!isEqual(difference))
          throw new Error(`node ${number} lacks ${difference.lacks}, and has ${difference.dead} dead ones`);
      }
      return true;
    });
    for (const { churn } of this.nodes) await churn.resume();
  }

  /** Bytes that all nodes send on all links in this time. */
  async bytesIn(ms: number): Promise<number> {
    const before = await this.sent();
    await sleep(ms);
    return (await this.sent()) - before;
  }

  private async sent(): Promise<number> {
    const files = LINKS.map((link) => `/sys/class/net/sync${link}/statistics/tx_bytes`);
    const texts = await Promise.all(this.nodes.map(({ namespace }) => namespace.must('cat', files)));
    return texts
      .join('')
      .split('\n')
      .reduce((sum, text) => sum + Number(text), 0);
  }
}

const addressOf = (number: number, link: number) => `192.168.${70 + link}.${number}`;

function start(
  namespace: Namespace,
  number: number,
  program: Program,
  directory: string,
): Promise<ConntrackdNode> {
  const place = { side: 'a', syncLinks: LINKS.length, directory: `${directory}/n${number}` } as const;
  return startNode(namespace, place, {
    program,
    configuration: ({ paths }) => configurationOf(number, paths),
  });
}

function configurationOf(number: number, paths: NodePaths): string {
  const links = LINKS.map(
    (link) => `  Multicast ${link === 0 ? 'Default ' : ''}{
    IPv4_address 225.0.0.50
    Group ${3780 + link}
    IPv4_interface ${addressOf(number, link)}
    Interface sync${link}
    SndSocketBuffer 1249280
    RcvSocketBuffer 1249280
    Checksum on
  }
`,
  );
  return `Sync {
  Mode FTFW {
  }
${links.join('')}}
General {
  LogFile ${paths.logFile}
  LockFile ${paths.lockFile}
  NetlinkBufferSize 8388608
  NetlinkBufferSizeMaxGrowth 67108864
  UNIX {
    Path ${paths.controlSocket}
  }
}
`;
}
