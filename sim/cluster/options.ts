import type { StandbySettings } from '../../src/settings/settings.ts';
import { Random } from '../random.ts';

export type Mode = 'ftfw' | 'notrack' | 'alarm';

/** The programs and sizes of a firewall in the cluster. */
export interface NodeOptions {
  readonly mode: Mode;
  /** Which program runs there. */
  readonly program: 'ours' | 'c';
  readonly resendQueueSize: number;
  readonly ackWindowSize: number;
  /** Seconds. */
  readonly refreshTime: number;
  readonly cacheTimeout: number;
  readonly commitTimeout: number | undefined;
  readonly purgeTimeout: number;
  readonly hashLimit: number;
  readonly startupResync: boolean;
  readonly expectationSync: boolean;
  /** The peer's flows go into the kernel at once. False unless given. */
  readonly disableExternalCache?: boolean;
  /** Several nodes forward at once, and share their flows. False unless given. */
  readonly severalActive?: boolean;
  /** What our hot standby does beyond C's. */
  readonly standby?: StandbySettings;
  readonly overrunResync: number;
  /** Maximum number of events waiting for the node. */
  readonly eventLimit: number;
  /** Maximum bytes of datagrams waiting for the node. */
  readonly receiveBuffer: number;
  /** The first number of our FT-FW's first incarnation; absent: any, as of those that follow. */
  readonly firstNumber?: number;
  /** The wall clock at the beginning, in seconds. */
  readonly wallSeconds: number;
  /** False: our program takes no fast path. Default: true. */
  readonly fastPaths?: boolean;
}

/** A cluster and the length of its run. With the seed, this determines the run. */
export interface ClusterOptions {
  readonly seed: number;
  /** Minimum number of steps; the last round is played to its end. */
  readonly steps: number;
  readonly nodes: readonly NodeOptions[];
  /** Dedicated links. */
  readonly wires: number;
  /** More than two nodes are always on a multicast group. */
  readonly multicast: boolean;
  readonly mtu: number;
  /** Flow events a second on each node that has traffic. */
  readonly rate: number;
  /** Mean size of a burst of packets. */
  readonly together: number;
  /** Approximate number of flows that each node's traffic keeps alive. */
  readonly population: number;
  /** Nodes on which traffic begins. */
  readonly active: readonly number[];
  /** Whether connections return with the same tuple and another translation. */
  readonly comesBack: boolean;
  /** Faults per round. */
  readonly faults: number;
  /** Whether somebody who knows no number speaks in every node's name, all the time. */
  readonly stranger: boolean;
  /** The part of the datagrams that is lost while there is traffic, besides the faults; 0 unless given. */
  readonly loss?: number;
}

/** The options that are given; the seed draws the rest. */
export interface RunSettings {
  readonly seed: number;
  readonly steps: number;
  readonly nodes?: number | undefined;
  /** One mode for all nodes; `mixed`: one drawn for each. */
  readonly mode?: Mode | 'mixed' | undefined;
  /** `mixed`: one node, which the seed chooses, is C's. */
  readonly program?: 'ours' | 'c' | 'mixed' | undefined;
  readonly wires?: number | undefined;
  readonly rate?: number | undefined;
  readonly together?: number | undefined;
  readonly population?: number | undefined;
  readonly faults?: number | undefined;
  /** Percent of the datagrams that are lost while there is traffic, besides the faults. */
  readonly loss?: number | undefined;
  /** A pair whose node 1 keeps the flows of node 0 in its kernel. */
  readonly hotStandby?: boolean | undefined;
  /** See {@link ClusterOptions.stranger}. */
  readonly stranger?: boolean | undefined;
  /** Whether our program takes fast paths; true unless given. */
  readonly fastPaths?: boolean | undefined;
}

const MODES: readonly Mode[] = ['ftfw', 'notrack', 'alarm'];

/** A number near which sequence numbers wrap around. */
const WRAP = 2 ** 32;

/** What a hot standby has otherwise: timeouts on the wire, no expectations, and room for all flows. */
const HOT_STANDBY: Partial<NodeOptions> = {
  disableExternalCache: true,
  standby: { keep: true, resyncSeconds: 0 },
  commitTimeout: undefined,
  expectationSync: false,
  hashLimit: 262_144,
};

export function drawOptions(settings: RunSettings): ClusterOptions {
  const random = Random.forPurpose(settings.seed, 'options');
  const count = settings.nodes ?? (random.chance(0.8) ? 2 : 3);
  const common =
    settings.mode ??
    (random.chance(0.05) ? 'mixed' : random.pick<Mode>(['ftfw', 'ftfw', 'ftfw', 'notrack', 'alarm']));
  const program = settings.program ?? 'ours';
  // Two C nodes with a window of one acknowledge each other's acknowledgements without end.
  const shared = drawShared(random, program === 'ours' ? [1, 5, 20, 300, 300] : [5, 20, 300, 300]);
  // Not in ALARM: where both the end of one and the beginning of the next are lost, updates of the second complete the first.
  const comesBack = random.chance(0.3) && common !== 'alarm' && common !== 'mixed' && !settings.hotStandby;
  const ofC = Random.forPurpose(settings.seed, 'the C node').below(count);
  // One of them at most: numbers that are near each other are those of one node.
  const wrapping = random.chance(0.3) ? random.below(count) : -1;
  const nodes = Array.from({ length: count }, (_, node): NodeOptions => {
    const own = drawNode(random, count > 2, comesBack);
    const firstNumber = WRAP - random.between(1, 2000);
    return {
      ...shared,
      ...own,
      ...(node === wrapping && { firstNumber }),
      ...(settings.fastPaths === false && { fastPaths: false }),
      ...(settings.hotStandby && HOT_STANDBY),
      mode: common === 'mixed' ? MODES[(random.below(2) + node) % 3]! : common,
      program: program === 'mixed' ? (node === ofC ? 'c' : 'ours') : program,
    };
  });
  const wires = settings.wires ?? (random.chance(0.7) ? 1 : random.between(2, 4));
  const bothActive = random.chance(0.3);
  return {
    seed: settings.seed,
    steps: settings.steps,
    nodes,
    wires,
    multicast: count > 2 || random.chance(0.5),
    mtu: random.pick([576, 1500, 1500, 9000]),
    rate: settings.rate ?? random.pick([20, 100, 300, 1000]),
    population: settings.population ?? random.pick([10, 50, 200]),
    active: bothActive && !settings.hotStandby ? nodes.map((_, node) => node) : [0],
    comesBack,
    together: settings.together ?? random.pick([1, 4, 4, 16]),
    faults: settings.faults ?? random.pick([0, 1, 2, 4, 8, 16]),
    stranger: settings.stranger ?? drawStranger(settings, nodes),
    ...(settings.loss && { loss: settings.loss / 100 }),
  };
}

/** Nodes in other modes, and C's, do not withstand one, nor do groups of several nodes each time. */
function drawStranger({ seed, hotStandby }: RunSettings, nodes: readonly NodeOptions[]): boolean {
  const withstand = nodes.every(({ mode, program }) => mode === 'ftfw' && program === 'ours');
  return withstand && nodes.length === 2 && !hotStandby && Random.forPurpose(seed, 'stranger').chance(0.1);
}

/** Settings that an administrator sets equally on all nodes. */
function drawShared(random: Random, windows: readonly number[]) {
  const refreshTime = random.between(1, 8);
  return {
    refreshTime,
    cacheTimeout: refreshTime + random.between(3, 10),
    commitTimeout: random.chance(0.5) ? random.pick([30, 180]) : undefined,
    purgeTimeout: random.between(1, 15),
    ackWindowSize: random.pick(windows),
    resendQueueSize: random.pick([50, 2000, 131_072, 131_072]),
    expectationSync: random.chance(0.5),
    startupResync: random.chance(0.3),
  };
}

function drawNode(random: Random, several: boolean, comesBack: boolean) {
  // A clock near the numbers' end, or long past: the first sequence number is made of it where it is C's.
  const wallSeconds = random.pick([
    1_700_000_000,
    1_700_000_000,
    WRAP - random.below(500),
    random.below(1000),
  ]);
  return {
    wallSeconds,
    hashLimit: random.pick([64, 262_144, 262_144, 262_144]),
    overrunResync: random.between(1, 5),
    // A flow that replaced another one while nobody listened is not distinguished from it: this kernel's flows have no ids.
    eventLimit: comesBack ? 65_536 : random.pick([32, 1024, 65_536]),
    // In a group of several nodes, small buffers lose again and again what was requested because it was lost.
    receiveBuffer: several ? 212_992 : random.pick([16_384, 212_992]),
  };
}
