import { Request } from '../../src/control/codes.ts';
import type { Flow } from '../../src/flow/flow.ts';
import type { KernelSink } from '../../src/kernel/kernel.ts';
import type { MemoryKernel } from '../../src/kernel/memory/memory-kernel.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { Random } from '../random.ts';
import { checkCommitted } from './commit-check.ts';
import { checkDead } from './dead-check.ts';
import { FAULT_REQUESTS, type Fault } from './faults.ts';
import { Host } from './host.ts';
import { FAIR_CONDITIONS, Network, type NetworkConditions } from './network.ts';
import type { ClusterOptions, NodeOptions } from './options.ts';
import { PacketClock } from './packet-clock.ts';
import type { Records, TableRecords } from './records.ts';
import { ReportCheck } from './report-check.ts';
import { mayLackRoom } from './room.ts';
import { Stranger } from './stranger.ts';
import type { TraceSink } from './trace.ts';
import { Traffic } from './traffic.ts';
import { describeError, Violation } from './violation.ts';
import { World } from './world.ts';

/** Requests that are followed by one to read the kernel's table (-R), as in a takeover: nodes that heal themselves agree again. */
const FORGET: ReadonlySet<number> = new Set<number>([Request.FLUSH_INTERNAL, Request.FLUSH_CACHES_ALL]);

/** Requests after which tables differ until an operator resynchronises them, as the manual warns. */
const NEED_RESYNC: ReadonlySet<number> = new Set<number>([
  Request.FLUSH_INTERNAL,
  Request.FLUSH_EXTERNAL,
  Request.FLUSH_CACHES_ALL,
  Request.COMMIT_ALL,
  Request.FLUSH_KERNEL_ALL,
  Request.RESET_TIMERS,
]);

const FLUSH_ADVICE = /hot standby: .* leaving them, -F removes all flows/;

/** A simulated cluster: the firewalls, the network between them, the traffic through them, and the faults. */
export class Cluster {
  readonly world = new World();
  readonly options: ClusterOptions;
  readonly network: Network;
  readonly hosts: readonly Host[];
  readonly traffic: readonly Traffic[];
  faults = 0;
  requests = 0;
  commits = 0;
  /** Why the tables cannot agree without a resync; cleared whenever they agree. */
  readonly resyncReasons = new Set<string>();
  /** Why a C node may keep records that are dead: no message lists what it has, so nobody can tell it of their ends. */
  readonly keepsDead = new Set<string>();
  /** Whether a daemon ended since the tables agreed: what its peers' queues say was acknowledged, its next process may not have. */
  hasForgotten = false;
  /** Hot standbys whose log advises to flush the kernel, because their peer has too little to be a measure. */
  readonly advisedToFlush = new Set<number>();
  /**
   * Whether a node has read its kernel's table since then (-R). It does not send what it reads: until the flow's own event
   * arrives, the node has flows that its peer has not.
   */
  hasReadUnsent = false;
  /**
   * Flows that several kernels had when their tables were last compared, after a commit, and that one still has: when one of
   * these ends, its peers cannot distinguish it from the others.
   */
  shared: ReadonlySet<string> = new Set();
  /** The error that ended a daemon. */
  crash: Violation | undefined;
  private readonly trace: TraceSink | undefined;
  /** How the network treats datagrams outside of faults. */
  private fair = FAIR_CONDITIONS;
  private readonly reports = new ReportCheck();
  private incarnations = 0;
  private readonly packetClock: PacketClock;

  constructor(options: ClusterOptions, trace?: TraceSink) {
    this.options = options;
    this.trace = trace;
    const { world } = this;
    const hosts: Host[] = [];
    this.hosts = hosts;
    this.network = new Network(
      world,
      Random.forPurpose(options.seed, 'network'),
      options.wires,
      options.nodes.map((_, node) => ({
        arrive: (wire, from, incarnation, datagram, sentAt) => {
          trace?.({ what: 'received', time: world.now, node, wire, from, datagram });
          hosts[node]!.arrive(wire, from, incarnation, datagram, sentAt);
        },
      })),
      (wire, node, datagram) => {
        trace?.({ what: 'sent', time: world.now, node, wire, datagram });
        if (options.nodes.length > 2) this.checkReports(node, datagram);
      },
    );
    const context = {
      world,
      network: this.network,
      seed: options.seed,
      mtu: options.mtu,
      multicast: options.multicast,
      log: (node: number, line: string) => {
        if (FLUSH_ADVICE.test(line)) this.advisedToFlush.add(node);
        trace?.({ what: 'log', time: world.now, node, line });
      },
      crashed: (node: number, error: unknown) => this.crashed(node, error),
      droppedDead: (node: number, records: TableRecords) => checkDead(this, node, records),
      nextIncarnation: () => this.incarnations++,
    };
    for (const [node, own] of options.nodes.entries()) hosts.push(new Host(node, own, context));
    this.traffic = options.nodes.map(
      (own, host) =>
        new Traffic(Random.forPurpose(options.seed, `traffic ${host}`), {
          host,
          population: options.population,
          expectations: own.expectationSync,
          comesBack: options.comesBack,
        }),
    );
    this.packetClock = new PacketClock(
      world,
      Random.forPurpose(options.seed, 'pace'),
      options,
      this.traffic,
      hosts,
    );
  }

  /** Starts all daemons. */
  start(): void {
    for (const host of this.hosts) {
      host.start();
      if (host.options.disableExternalCache) this.tellRole(host.number);
    }
    if (this.options.stranger) this.addStranger();
  }

  /** From now on somebody speaks in every node's name. */
  addStranger(): void {
    const { seed, wires } = this.options;
    new Stranger(this.world, Random.forPurpose(seed, "stranger's messages"), this.hosts, wires).start();
  }

  /** Packets that changed a kernel's table. */
  get packets(): number {
    return this.packetClock.packets;
  }

  /** Starts the traffic; the kernels' time passes until {@link stopTraffic}. */
  startTraffic(): void {
    const { loss } = this.options;
    if (loss !== undefined) this.setFairConditions({ ...FAIR_CONDITIONS, loss });
    this.packetClock.start();
  }

  /** Stops the traffic; no flow times out any more. */
  stopTraffic(): void {
    this.packetClock.stop();
    if (this.options.loss !== undefined) this.setFairConditions(FAIR_CONDITIONS);
  }

  /** Sends a request to a node, as an operator does. */
  request(node: number, code: number, name: string): Promise<void> {
    this.requests++;
    this.trace?.({ what: 'request', time: this.world.now, node, request: name });
    return this.hosts[node]!.request(code);
  }

  /** Begins a fault, and plans its end. */
  begin(fault: Fault): void {
    this.faults++;
    this.trace?.({ what: 'fault', time: this.world.now, fault });
    const over = this.apply(fault);
    if (over === undefined || !('lasts' in fault)) return;
    this.world.at(this.world.now + fault.lasts, () => {
      this.trace?.({ what: 'fault end', time: this.world.now, fault });
      over();
    });
  }

  /** Whether numbers may be damaged on the wire. */
  setNumbersDoubtful(doubtful: boolean): void {
    for (const host of this.hosts) host.setNumbersDoubtful(doubtful);
  }

  /** Checks the nodes that did something since the last check. @throws Violation */
  checkTouched(): void {
    if (this.crash !== undefined) throw this.crash;
    for (const host of this.hosts) {
      if (!host.touched) continue;
      host.touched = false;
      host.daemon?.checkQuickly();
    }
  }

  /** Begins a fault; returns a function that ends it. */
  private apply(fault: Fault): (() => void) | undefined {
    const { network, hosts } = this;
    switch (fault.kind) {
      case 'conditions': {
        if (fault.conditions.corruption > 0) {
          this.resyncReasons.add('bytes were damaged');
          this.setNumbersDoubtful(true);
        }
        network.setConditions(fault.wire, fault.conditions);
        return () => network.setConditions(fault.wire, this.fair);
      }
      case 'partition':
        network.block(fault.wire, fault.from, fault.to);
        return () => network.unblock(fault.wire, fault.from, fault.to);
      case 'interface':
        network.fail(fault.wire, fault.node);
        this.notifyInterface(fault.wire, fault.node);
        return () => {
          network.repair(fault.wire, fault.node);
          this.notifyInterface(fault.wire, fault.node);
        };
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
      case 'failover':
        return this.failOver(hosts[fault.node]!, hosts[fault.to]!, fault.clockJump);
      case 'request': {
        const code = FAULT_REQUESTS[fault.request];
        if (FORGET.has(code) && this.healsItself && hosts[fault.node]!.options.program === 'ours') {
          void this.renew(hosts[fault.node]!, code, fault.request).catch((error) =>
            this.crashed(fault.node, error),
          );
          return undefined;
        }
        if (NEED_RESYNC.has(code)) this.resyncReasons.add(fault.request);
        if (code === Request.RESYNC_KERNEL_ALL) this.hasReadUnsent = true;
        if (code === Request.COMMIT_ALL) this.commits++;
        void this.request(fault.node, code, fault.request);
        return undefined;
      }
      case 'flush':
        for (const { original, zone } of flowsOf(hosts[fault.node]!.kernel))
          hosts[fault.node]!.kernel.expire(original, zone);
        return undefined;
      case 'burst':
        if (!hosts[fault.node]!.isOn) return undefined;
        this.traffic[fault.node]!.burst(hosts[fault.node]!.kernel, fault.connections);
        this.packetClock.packets += fault.connections;
        return undefined;
    }
  }

  private setFairConditions(conditions: NetworkConditions): void {
    this.fair = conditions;
    for (let wire = 0; wire < this.network.wires; wire++) this.network.setConditions(wire, conditions);
  }

  private checkReports(node: number, datagram: Uint8Array): void {
    try {
      this.reports.noteSent(node, datagram, this.world.now);
    } catch (error) {
      this.crashed(node, error);
    }
  }

  private kill(host: Host, power: boolean, clockJump: number): (() => void) | undefined {
    if (!host.isUp) return undefined;
    this.hasForgotten = true;
    if (!this.healsItself) this.resyncReasons.add('a daemon restarted');
    if (host.options.program === 'ours') this.keepsDead.add('a daemon of ours forgot what its kernel had');
    if (power) host.powerOff();
    else host.kill();
    return () => {
      if (host.isUp) return;
      host.start(clockJump);
      if (host.options.disableExternalCache) this.tellRole(host.number);
    };
  }

  /** As the unit of a hot standby's daemon does after its start: node 0 is the primary. */
  private tellRole(node: number): void {
    if (node === 0) void this.request(0, Request.COMMIT_ALL, 'commit (-c)');
    else void this.request(node, Request.REQUEST_RESYNC, 'request resync (-n)');
  }

  /** As keepalived's script does: the other firewall commits its external cache, and sends what it has. */
  private failOver(from: Host, to: Host, clockJump: number): (() => void) | undefined {
    if (!from.isUp || !to.isUp || to.process!.isPaused || from.process!.isPaused) return undefined;
    const acknowledged = this.acknowledgedBy(from);
    const back = this.kill(from, true, clockJump);
    this.commits++;
    // Then two kernels have the same flows, and the end of one removes the flow from the cache of a third node.
    if (!this.healsItself || this.hosts.length > 2) this.resyncReasons.add('a firewall took over');
    void this.takeOver(from, to, acknowledged).catch((error) => this.crashed(to.number, error));
    return () => {
      back?.();
      void this.request(from.number, Request.REQUEST_RESYNC, 'request resync (-n)');
    };
  }

  private async takeOver(from: Host, to: Host, acknowledged: Records): Promise<void> {
    const { incarnation } = to;
    // Without packets its time may have stood still: what is committed would end with them.
    to.kernel.advance(this.world.now);
    const ask = async (code: number, name: string) => {
      if (to.incarnation === incarnation) await this.request(to.number, code, name);
    };
    await ask(Request.COMMIT_ALL, 'commit (-c)');
    if (!to.isUp || to.incarnation !== incarnation) return;
    checkCommitted(to, acknowledged);
    this.traffic[from.number]!.moveTo(this.traffic[to.number]!);
    await ask(Request.FLUSH_CACHES_ALL, 'flush caches (-f)');
    await ask(Request.RESYNC_KERNEL_ALL, 'resync with kernel (-R)');
    await ask(Request.SEND_BULK, 'send bulk (-B)');
  }

  /** An operator empties caches, and has the kernel's table read again. */
  private async renew(host: Host, code: number, name: string): Promise<void> {
    const { incarnation } = host;
    this.hasReadUnsent = true;
    this.hasForgotten = true;
    await this.request(host.number, code, name);
    if (host.incarnation === incarnation)
      await this.request(host.number, Request.RESYNC_KERNEL_ALL, 'resync with kernel (-R)');
  }

  /** The flows that the firewall's peer has acknowledged. Only FT-FW knows them. */
  private acknowledgedBy(host: Host): Records {
    const knows =
      this.resyncReasons.size === 0 &&
      !this.hasForgotten &&
      this.options.nodes.every(({ mode }) => mode === 'ftfw');
    return knows && !this.hasReadUnsent && !this.hasEvicted && !this.hasLosses()
      ? host.daemon!.acknowledged()
      : new Map();
  }

  /** Whether a host's external cache may lack something that it does not get by itself. */
  mayLack(host: Host): boolean {
    // A node takes what its internal cache had no room for at some time, without an event.
    const takesLater = this.hosts.some(({ daemon }) => daemon!.losses.refusedInternal > 0);
    return this.hasLostEvicted || takesLater || mayLackRoom(host, this.hosts, this.healsItself);
  }

  /** Whether a limit made a daemon lose something, for the time being at least. */
  hasLosses(): boolean {
    const hasRefused = this.hosts.some(
      ({ daemon }) => daemon && daemon.losses.refusedInternal + daemon.losses.refusedExternal > 0,
    );
    return hasRefused || this.hasLostEvicted;
  }

  private get hasLostEvicted(): boolean {
    return this.hasEvicted && !this.regainsEvicted;
  }

  private get hasEvicted(): boolean {
    return this.hosts.some(({ daemon }) => daemon && daemon.losses.evicted > 0);
  }

  /** Whether the nodes agree again without a command, whatever happened to daemons, machines and links. */
  get healsItself(): boolean {
    const { nodes, wires } = this.options;
    // In a group of several nodes nobody can tell which of them came back on another link.
    if (nodes.length > 2 && wires > 1) return false;
    const [{ mode }] = nodes as [NodeOptions];
    if (this.hasPairBesideC) return true;
    return mode !== 'alarm' && nodes.every((node) => node.mode === mode && node.program === 'ours');
  }

  /** Whether what left a full resend queue comes again. Not from a C node that a damaged number makes ignore its peer. */
  private get regainsEvicted(): boolean {
    return this.healsItself && !(this.hasPairBesideC && this.resyncReasons.has('bytes were damaged'));
  }

  /** Whether it is an FT-FW pair of a C node and one of ours. */
  private get hasPairBesideC(): boolean {
    const { nodes } = this.options;
    const ofOurs = nodes.filter(({ program }) => program === 'ours').length;
    return nodes.length === 2 && ofOurs === 1 && nodes.every(({ mode }) => mode === 'ftfw');
  }

  /** Whether a host's external cache may have records that no other node has. */
  mayKeepDead({ options }: Host): boolean {
    if (options.program === 'ours' || !this.hasPairBesideC) return false;
    const hasEvicted = this.hosts.some(
      ({ daemon, options: { program } }) => program === 'ours' && daemon && daemon.losses.evicted > 0,
    );
    return hasEvicted || this.keepsDead.size > 0;
  }

  private notifyInterface(wire: number, node: number): void {
    const host = this.hosts[node]!;
    host.process?.run(() => host.daemon?.interfaceChanged(wire, this.network.isUp(wire, node)));
  }

  /** A daemon ended in an error that nobody awaited: as a process it would have died. */
  noteCrash(error: unknown): void {
    this.crash ??= new Violation('a daemon crashed', describeError(error));
  }

  private crashed(node: number, error: unknown): void {
    if (error instanceof Violation) this.crash ??= error;
    else this.crash ??= new Violation('a daemon crashed', `node ${node}: ${describeError(error)}`);
  }
}

function flowsOf(kernel: MemoryKernel): Flow[] {
  const flows: Flow[] = [];
  const dump = kernel.dumpFlows();
  const flow: KernelSink['flow'] = (_change, _origin, bytes, length) =>
    flows.push(decodeFlow(bytes, 0, length));
  while (!dump.step({ flow, expectation: () => {}, traffic: () => {} }));
  return flows;
}
