import { Framing, frameAt } from '../../../src/wire/datagram.ts';
import { DATA_TYPE_MAX, lengthOf, typeOf } from '../../../src/wire/header.ts';
import { Random } from '../../random.ts';
import { checkRecordsAcknowledged } from '../cluster-checks.ts';
import type { Fault } from '../faults.ts';
import { Host } from '../host.ts';
import { FAIR_CONDITIONS, Network, type NetworkConditions } from '../network.ts';
import type { TraceSink } from '../trace.ts';
import { describeError, Violation } from '../violation.ts';
import { World } from '../world.ts';
import { checkGone, checkNoEchoes, checkShared, checkUnbroken } from './checks.ts';
import { drawSeveralFaults } from './faults.ts';
import type { SeveralOptions } from './options.ts';
import { RoutedTraffic } from './routed-traffic.ts';

/** Traffic with faults, in ms, and the time after it in which handshakes end and nodes hear each other again. */
const ROUND_MS = 60_000;
const HEALING_MS = 15_000;
/** Beyond the longest timeout: two looks at the tables, and clocks that are read in whole seconds. */
const MARGIN_MS = 15_000;
/** Milliseconds between two checks for flows that have timed out. */
const KERNEL_TICK_MS = 100;
const MAX_STEPS = 500_000;

export interface SeveralOutcome {
  readonly violation: Violation | undefined;
  readonly rounds: number;
  readonly steps: number;
  /** Virtual milliseconds. */
  readonly time: number;
  readonly packets: number;
  readonly faults: number;
  readonly datagrams: number;
  /** Connections that were cut off because their node died or was cut off as well. */
  readonly breaks: number;
}

/**
 * Runs several active nodes on a seed. A round is traffic with faults; then the connections that are open only go on, after
 * which each of their flows is in each kernel; then all packets stop, after which no kernel has any flow.
 */
export async function simulateSeveral(options: SeveralOptions, trace?: TraceSink): Promise<SeveralOutcome> {
  return new SeveralSimulation(options, trace).play();
}

class SeveralSimulation {
  private readonly world = new World();
  private readonly options: SeveralOptions;
  private readonly trace: TraceSink | undefined;
  private readonly network: Network;
  private readonly hosts: Host[] = [];
  private readonly traffic: RoutedTraffic;
  private readonly deaths: number[] = [];
  private crash: Violation | undefined;
  private incarnations = 0;
  private faults = 0;
  private round = 0;
  /** Records that the nodes sent since the traffic began. */
  private records = 0;

  constructor(options: SeveralOptions, trace?: TraceSink) {
    this.options = options;
    this.trace = trace;
    const { world, hosts } = this;
    const { seed, mtu, multicast } = options;
    this.network = new Network(
      world,
      Random.forPurpose(seed, 'network'),
      1,
      options.nodes.map((_, node) => ({
        arrive: (wire, from, incarnation, datagram, sentAt) => {
          trace?.({ what: 'received', time: world.now, node, wire, from, datagram });
          hosts[node]!.arrive(wire, from, incarnation, datagram, sentAt);
        },
      })),
      (wire, node, datagram) => {
        this.records += recordsIn(datagram);
        trace?.({ what: 'sent', time: world.now, node, wire, datagram });
      },
    );
    const context = {
      world,
      network: this.network,
      seed,
      mtu,
      multicast,
      log: (node: number, line: string) => trace?.({ what: 'log', time: world.now, node, line }),
      crashed: (node: number, error: unknown) => {
        this.crash ??= new Violation('a daemon crashed', `node ${node}: ${describeError(error)}`);
      },
      droppedDead: () => {},
      nextIncarnation: () => this.incarnations++,
    };
    for (const [node, own] of options.nodes.entries()) hosts.push(new Host(node, own, context));
    this.traffic = new RoutedTraffic(world, Random.forPurpose(seed, 'routes'), options, {
      count: hosts.length,
      kernelOf: (node) => hosts[node]!.kernel,
      isOn: (node) => hosts[node]!.isOn,
    });
  }

  async play(): Promise<SeveralOutcome> {
    let violation: Violation | undefined;
    try {
      for (const host of this.hosts) host.start();
      this.passKernelTime();
      await this.advance(3000);
      this.records = 0;
      do {
        await this.playRound();
        this.round++;
      } while (this.world.steps < this.options.steps);
    } catch (error) {
      violation =
        error instanceof Violation
          ? error
          : new Violation('the simulated cluster crashed', describeError(error));
    }
    return {
      violation,
      rounds: this.round,
      steps: this.world.steps,
      time: this.world.now,
      packets: this.traffic.packets,
      faults: this.faults,
      datagrams: this.network.figures.sent,
      breaks: this.traffic.breaks.length,
    };
  }

  private async playRound(): Promise<void> {
    const { world, traffic, options, hosts } = this;
    const { timeouts, kind } = options;
    this.tracePhase('traffic');
    const random = Random.forPurpose(options.seed, `faults of round ${this.round}`);
    for (const fault of drawSeveralFaults(random, options, this.round, ROUND_MS))
      world.at(world.now + fault.at, () => this.begin(fault));
    this.setConditions({ ...FAIR_CONDITIONS, loss: options.loss });
    traffic.start();
    await this.advance(ROUND_MS);

    this.tracePhase('only what is open goes on');
    this.setConditions(FAIR_CONDITIONS);
    traffic.stay();
    const longestMs = 1000 * Math.max(timeouts.established, timeouts.stream);
    await this.advance(HEALING_MS);
    // Later a renewal would mend what the events did not tell.
    if (kind === 'none') checkShared(hosts, traffic);
    await this.advance(longestMs + MARGIN_MS);
    checkShared(hosts, traffic);
    if (kind !== 'all') checkUnbroken(traffic.breaks, this.deaths);
    if (kind === 'none' && options.loss === 0 && options.nodes.every(({ eventLimit }) => eventLimit > 1000))
      checkNoEchoes(hosts, traffic.changes, this.records);

    this.tracePhase('no packets');
    traffic.stop();
    await this.advance(longestMs + MARGIN_MS);
    checkGone(hosts);
    for (const host of hosts) host.daemon!.checkThoroughly();
    for (const host of hosts) checkRecordsAcknowledged(host);
  }

  private begin(fault: Fault): void {
    this.faults++;
    this.trace?.({ what: 'fault', time: this.world.now, fault });
    const over = this.apply(fault);
    if (over === undefined || !('lasts' in fault)) return;
    this.world.at(this.world.now + fault.lasts, () => {
      this.trace?.({ what: 'fault end', time: this.world.now, fault });
      over();
    });
  }

  /** Begins a fault; returns a function that ends it. */
  private apply(fault: Fault): (() => void) | undefined {
    const { network, hosts } = this;
    switch (fault.kind) {
      case 'conditions':
        network.setConditions(fault.wire, fault.conditions);
        return () => this.setConditions({ ...FAIR_CONDITIONS, loss: this.options.loss });
      case 'partition':
        network.block(fault.wire, fault.from, fault.to);
        return () => network.unblock(fault.wire, fault.from, fault.to);
      case 'stall': {
        const { process } = hosts[fault.node]!;
        hosts[fault.node]!.pause();
        return () => {
          if (hosts[fault.node]!.process === process) hosts[fault.node]!.resume();
        };
      }
      case 'restart':
      case 'power':
        return this.kill(hosts[fault.node]!, fault.kind === 'power', fault.clockJump);
      default:
        throw new Error(`no fault of several active nodes: ${fault.kind}`);
    }
  }

  /** A node dies, unless it is the last one that is on. Its interfaces are down until its daemon works again. */
  private kill(host: Host, power: boolean, clockJump: number): (() => void) | undefined {
    const { hosts, world } = this;
    if (!host.isUp || hosts.filter(({ isUp }) => isUp).length < 2) return undefined;
    this.deaths.push(world.now);
    if (power) host.powerOff();
    else host.kill();
    return () => {
      if (host.isUp) return;
      host.start(clockJump);
      // Routes to a node come back when it has what the others have.
      if (power) this.holdBack(host);
    };
  }

  private holdBack(host: Host): void {
    host.isOn = false;
    const { incarnation } = host;
    this.world.at(this.world.now + 3000, () => {
      if (host.incarnation === incarnation && host.isUp) host.isOn = true;
    });
  }

  private setConditions(conditions: NetworkConditions): void {
    this.network.setConditions(0, conditions);
  }

  private passKernelTime(): void {
    const { world } = this;
    world.at(world.now + KERNEL_TICK_MS, () => {
      for (const { kernel } of this.hosts) kernel.advance(world.now);
      this.passKernelTime();
    });
  }

  private async advance(milliseconds: number): Promise<void> {
    const { world } = this;
    const most = world.steps + MAX_STEPS;
    await world.run(world.now + milliseconds, () => {
      if (this.crash !== undefined) throw this.crash;
      for (const host of this.hosts) {
        if (!host.touched) continue;
        host.touched = false;
        host.daemon?.checkQuickly();
      }
      if (world.steps > most) throw new Violation('the cluster does not come to rest', `${most} steps`);
      return true;
    });
  }

  private tracePhase(phase: string): void {
    this.trace?.({ what: 'round', time: this.world.now, round: this.round, phase });
  }
}

function recordsIn(datagram: Uint8Array): number {
  let records = 0;
  for (let at = 0; frameAt(datagram, at, datagram.length) === Framing.MESSAGE; at += lengthOf(datagram, at))
    if (typeOf(datagram, at) <= DATA_TYPE_MAX) records++;
  return records;
}
