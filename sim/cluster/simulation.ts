import { Request } from '../../src/control/codes.ts';
import { Random } from '../random.ts';
import { Cluster } from './cluster.ts';
import {
  checkAcknowledged,
  checkCompared,
  checkConverged,
  checkHealed,
  checkNothingMissed,
} from './cluster-checks.ts';
import { drawFaults, type Fault } from './faults.ts';
import type { NetworkFigures } from './network.ts';
import type { ClusterOptions } from './options.ts';
import type { TraceSink } from './trace.ts';
import { describeError, Violation } from './violation.ts';

/** Virtual milliseconds after the last fault, after which an external cache of FT-FW has what the peer's internal cache has. */
const HEALING_MS = 5000;

/**
 * The same in NOTRACK, where everything is asked for ever less often while messages are lost: after 32 s at last, and an answer may
 * be lost with the fault.
 */
const PLAIN_HEALING_MS = 40_000;

/**
 * The same until it has what the peer's kernel has, which the peer may learn with its next recheck, and for all that an operator
 * asks for.
 */
const CONVERGENCE_MS = 10_000;

/** Milliseconds within which a hot standby equals its peer after it asked: three resyncs of ten seconds of silence each. */
const STANDBY_CONVERGENCE_MS = 40_000;

/** Milliseconds within which each node has said what it has, and a peer that lacks nothing has compared it. */
const DIGEST_MS = 65_000;

/** Milliseconds between the flush of all caches and the bulk that fills them. */
const BEFORE_BULK_MS = 1500;

/** Maximum steps of a phase for each node that a datagram reaches, besides those of the options. */
const MAX_STEPS_PER_PHASE = 200_000;

export interface Outcome {
  readonly options: ClusterOptions;
  /** The faults that were played. */
  readonly script: readonly Fault[];
  readonly violation: Violation | undefined;
  readonly rounds: number;
  readonly steps: number;
  /** Virtual milliseconds. */
  readonly time: number;
  readonly packets: number;
  readonly faults: number;
  readonly requests: number;
  readonly commits: number;
  readonly datagrams: NetworkFigures;
  readonly undelivered: number;
}

export interface RunOptions {
  /** The faults to play instead of those that the seed draws. */
  readonly script?: readonly Fault[] | undefined;
  readonly trace?: TraceSink | undefined;
  /** Called after each round with the steps taken and the virtual time in milliseconds. */
  readonly progress?: ((steps: number, time: number) => void) | undefined;
}

/** Runs a cluster on a seed, round by round: traffic with faults, then a quiet phase after which all tables must agree. */
export async function simulate(options: ClusterOptions, run: RunOptions = {}): Promise<Outcome> {
  const simulation = new Simulation(options, run);
  return simulation.play();
}

class Simulation {
  private readonly cluster: Cluster;
  private readonly options: ClusterOptions;
  private readonly run: RunOptions;
  private readonly random: Random;
  private readonly script: Fault[] = [];
  private round = 0;

  constructor(options: ClusterOptions, run: RunOptions) {
    this.options = options;
    this.run = run;
    this.cluster = new Cluster(options, run.trace);
    this.random = Random.forPurpose(options.seed, 'rounds');
  }

  async play(): Promise<Outcome> {
    let violation: Violation | undefined;
    const noteRejection = (error: unknown): void => this.cluster.noteCrash(error);
    process.on('unhandledRejection', noteRejection);
    try {
      this.cluster.start();
      await this.advance(2000);
      do {
        await this.playRound();
        this.run.progress?.(this.cluster.world.steps, this.cluster.world.now);
        this.round++;
      } while (this.cluster.world.steps < this.options.steps);
    } catch (error) {
      violation =
        error instanceof Violation
          ? error
          : new Violation('the simulated cluster crashed', describeError(error));
    } finally {
      process.off('unhandledRejection', noteRejection);
    }
    return this.outcome(violation);
  }

  private async playRound(): Promise<void> {
    const { cluster, random } = this;
    const { world } = cluster;
    const length = this.roundLength();
    const faults =
      this.run.script?.filter(({ round }) => round === this.round) ??
      drawFaults(
        Random.forPurpose(this.options.seed, `faults of round ${this.round}`),
        this.options,
        this.round,
        length,
      );
    this.script.push(...faults);

    this.tracePhase('traffic');
    const begin = world.now;
    for (const fault of faults) world.at(begin + fault.at, () => cluster.begin(fault));
    cluster.startTraffic();
    await this.advance(length);
    cluster.stopTraffic();
    if (this.options.nodes[0]!.disableExternalCache) await this.quietDownStandby();
    else await this.quietDown(random.chance(0.5));
    this.check();
  }

  /** The faults are over. Sends the commands that an operator would have to send, and waits until the tables should agree. */
  private async quietDown(byBulk: boolean): Promise<void> {
    const { cluster, options } = this;
    this.tracePhase('quiet');
    // The effects of a fault may last a little longer than the round.
    await this.advance(100);
    const modes = new Set(options.nodes.map(({ mode }) => mode));
    if (modes.has('notrack') && !cluster.healsItself)
      cluster.resyncReasons.add('a NOTRACK node may not be able to tell what is dead');
    if (options.nodes.some(({ program }) => program === 'c') && !cluster.healsItself)
      cluster.resyncReasons.add('C does not ask for all that is lost');
    const overrun = Math.max(...options.nodes.map(({ overrunResync }) => overrunResync)) * 1000;
    await this.advance(overrun + (modes.has('notrack') ? PLAIN_HEALING_MS : HEALING_MS));
    if (cluster.resyncReasons.size === 0 && cluster.healsItself) {
      checkHealed(cluster);
      if (this.comesToRest && !cluster.hosts.some((host) => cluster.mayLack(host))) {
        checkNothingMissed(cluster);
        if (this.looksAtDigests()) await this.compareDigests();
      }
      await this.operateC();
    }
    await this.advance(CONVERGENCE_MS - HEALING_MS);
    if (cluster.hasLosses()) cluster.resyncReasons.add('something was full');
    if (cluster.resyncReasons.size > 0) {
      await this.requestAll(Request.FLUSH_CACHES_ALL, 'flush caches (-f)');
      await this.requestAll(Request.RESYNC_KERNEL_ALL, 'resync with kernel (-R)');
      await this.advance(BEFORE_BULK_MS);
      if (byBulk) await this.requestAll(Request.SEND_BULK, 'send bulk (-B)');
      else await this.requestAll(Request.REQUEST_RESYNC, 'request resync (-n)');
      await this.advance(CONVERGENCE_MS);
    }
    if (modes.has('alarm'))
      await this.advance(
        Math.max(...options.nodes.map((node) => node.refreshTime + node.cacheTimeout + 2)) * 1000,
      );
  }

  /** Where a C node cannot have by itself what it should, an operator has it forget what it has, read its kernel's table and ask. */
  private async operateC(): Promise<void> {
    const { cluster } = this;
    const ask = (node: number, code: number, name: string) => void cluster.request(node, code, name);
    for (const host of cluster.hosts) {
      const { number, daemon } = host;
      if (!cluster.mayKeepDead(host) && !daemon!.losses.mayHaveForgotten) continue;
      // -f external would leave its expectations.
      ask(number, Request.FLUSH_CACHES_ALL, 'flush caches (-f)');
      ask(number, Request.RESYNC_KERNEL_ALL, 'resync with kernel (-R)');
      ask(number, Request.REQUEST_RESYNC, 'request resync (-n)');
      ask(1 - number, Request.REQUEST_RESYNC, 'request resync (-n)');
    }
    await this.advance(1);
  }

  /** Who says HELLO on links that are not in use makes a node go on asking, and conclude nothing from a digest meanwhile. */
  private get comesToRest(): boolean {
    const { stranger, wires } = this.options;
    return !stranger || wires === 1;
  }

  /** Seldom, because it takes more than a minute. */
  private looksAtDigests(): boolean {
    const { seed, nodes } = this.options;
    const isPair = nodes.length === 2 && nodes.every(({ program }) => program === 'ours');
    return this.round === 0 && seed % 4 === 0 && isPair && !this.cluster.hasLosses();
  }

  private async compareDigests(): Promise<void> {
    const { cluster } = this;
    const before = cluster.hosts.map(({ daemon }) => daemon!.comparisons);
    await this.advance(DIGEST_MS);
    checkCompared(cluster, before);
  }

  /** The faults are over. The standby is asked to equal its peer, as a script asks it, and has the time of three resyncs. */
  private async quietDownStandby(): Promise<void> {
    const { cluster, options } = this;
    this.tracePhase('quiet');
    const overrun = Math.max(...options.nodes.map(({ overrunResync }) => overrunResync)) * 1000;
    await this.advance(overrun + CONVERGENCE_MS);
    cluster.advisedToFlush.clear();
    void cluster.request(1, Request.REQUEST_RESYNC, 'request resync (-n)');
    await this.advance(STANDBY_CONVERGENCE_MS);
    if (cluster.advisedToFlush.has(1)) {
      void cluster.request(1, Request.FLUSH_KERNEL_ALL, 'flush kernel (-F)');
      void cluster.request(1, Request.REQUEST_RESYNC, 'request resync (-n)');
      await this.advance(STANDBY_CONVERGENCE_MS);
    }
    // Both kernels have every flow, and neither is mistaken for the other.
    cluster.shared = new Set();
  }

  private check(): void {
    const { cluster, options } = this;
    this.tracePhase('check');
    for (const host of cluster.hosts) host.daemon!.checkThoroughly();
    // Nodes in different modes do not understand each other: they only have to stay consistent.
    const oneMode = new Set(options.nodes.map(({ mode }) => mode)).size === 1;
    if (oneMode) {
      checkConverged(cluster);
      if (options.nodes[0]!.mode !== 'alarm' && this.comesToRest) checkAcknowledged(cluster);
    }
    cluster.resyncReasons.clear();
    cluster.keepsDead.clear();
    cluster.hasReadUnsent = false;
    cluster.hasForgotten = false;
    cluster.setNumbersDoubtful(false);
  }

  private async requestAll(code: number, name: string): Promise<void> {
    for (const node of this.options.nodes.keys()) void this.cluster.request(node, code, name);
    await this.advance(1);
  }

  private async advance(milliseconds: number): Promise<void> {
    const { cluster } = this;
    const { world } = cluster;
    const { nodes, steps } = this.options;
    const most = world.steps + (MAX_STEPS_PER_PHASE + steps * 10) * (nodes.length - 1);
    await world.run(world.now + milliseconds, () => {
      cluster.checkTouched();
      if (world.steps > most) throw new Violation('the cluster does not come to rest', `${most} steps`);
      return true;
    });
  }

  /** Milliseconds that take about half of the steps. */
  private roundLength(): number {
    const { rate, active } = this.options;
    return Math.max(1000, Math.min(120_000, (this.options.steps * 250) / (rate * active.length)));
  }

  private tracePhase(phase: string): void {
    this.run.trace?.({ what: 'round', time: this.cluster.world.now, round: this.round, phase });
  }

  private outcome(violation: Violation | undefined): Outcome {
    const { cluster } = this;
    return {
      options: this.options,
      script: this.script,
      violation,
      rounds: this.round,
      steps: cluster.world.steps,
      time: cluster.world.now,
      packets: cluster.packets,
      faults: cluster.faults,
      requests: cluster.requests,
      commits: cluster.commits,
      datagrams: cluster.network.figures,
      undelivered: cluster.hosts.reduce((sum, { undelivered }) => sum + undelivered, 0),
    };
  }
}
