import { Cluster } from '../cluster.ts';
import { checkConverged } from '../cluster-checks.ts';
import type { ClusterOptions, NodeOptions } from '../options.ts';
import type { TraceSink } from '../trace.ts';
import { Violation } from '../violation.ts';

export type Program = NodeOptions['program'];

/** A sequence of events that is played with C's daemon and with ours. */
export interface Scenario {
  readonly name: string;
  /** What happens, in a sentence or two. */
  readonly title: string;
  /** Returns the violation at the end, if there is one. */
  play(program: Program, report: (text: string) => void): Promise<Violation | undefined>;
}

/** Seconds within which the tables must agree after the last fault. */
export const CONVERGENCE_SECONDS = 20;

const NODE: Omit<NodeOptions, 'program'> = {
  mode: 'ftfw',
  resendQueueSize: 131_072,
  ackWindowSize: 300,
  refreshTime: 60,
  cacheTimeout: 180,
  commitTimeout: 180,
  purgeTimeout: 60,
  hashLimit: 262_144,
  startupResync: false,
  expectationSync: false,
  overrunResync: 30,
  eventLimit: 65_536,
  receiveBuffer: 1 << 22,
  wallSeconds: 1_700_000_000,
};

/** FT-FW nodes of one program on one link, with traffic through some of them. */
export class ScenarioCluster {
  readonly cluster: Cluster;

  /** @param own what differs on every node. @param trace is told all that happens */
  constructor(
    program: Program,
    nodes: number,
    changes: Partial<ClusterOptions> = {},
    own: Partial<NodeOptions> = {},
    trace?: TraceSink,
  ) {
    const options = {
      seed: 1,
      steps: 0,
      nodes: Array.from({ length: nodes }, () => ({ ...NODE, ...own, program })),
      wires: 1,
      multicast: nodes > 2,
      mtu: 1500,
      rate: 100,
      population: 100,
      active: [0],
      comesBack: false,
      together: 4,
      faults: 0,
      stranger: false,
      ...changes,
    };
    this.cluster = new Cluster(options, trace);
    this.cluster.start();
  }

  /** @param seconds of virtual time */
  async pass(seconds: number): Promise<void> {
    const { world } = this.cluster;
    await world.run(world.now + seconds * 1000, () => {
      this.cluster.checkTouched();
      return true;
    });
  }

  /** Runs the traffic for so many seconds. */
  async traffic(seconds: number): Promise<void> {
    this.cluster.startTraffic();
    await this.pass(seconds);
    this.cluster.stopTraffic();
  }

  /** Compares the tables after a quiet period. */
  async verdict(): Promise<Violation | undefined> {
    try {
      await this.pass(CONVERGENCE_SECONDS);
      checkConverged(this.cluster);
      return undefined;
    } catch (error) {
      if (error instanceof Violation) return error;
      throw error;
    }
  }

  /** The number of flows in a node's kernel and in its external cache. */
  flows(node: number): { kernel: number; known: number } {
    const { kernel, daemon } = this.cluster.hosts[node]!;
    return { kernel: kernel.size, known: daemon!.external().flows.size };
  }
}
