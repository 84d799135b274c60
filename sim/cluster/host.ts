import { type KernelSink, ReadResult } from '../../src/kernel/kernel.ts';
import type { MemoryKernel, MemoryKernelOptions } from '../../src/kernel/memory/memory-kernel.ts';
import { Flag, flagsOf } from '../../src/wire/header.ts';
import { Random } from '../random.ts';
import { CDaemon } from './c-daemon.ts';
import type { Daemon } from './daemon.ts';
import type { Network, Port } from './network.ts';
import type { NodeOptions } from './options.ts';
import { OurDaemon } from './our-daemon.ts';
import { Process } from './process.ts';
import type { TableRecords } from './records.ts';
import { SimulatedKernel } from './simulated-kernel.ts';
import { STRANGER } from './stranger.ts';
import type { World } from './world.ts';

/** Bytes of an IPv4 and a UDP header. */
const HEADER_BYTES = 28;
/** Bytes that a datagram of any size takes in the receive buffer. */
const DATAGRAM_OVERHEAD_BYTES = 768;
/** Datagrams delivered per turn of the event loop. */
const DATAGRAMS_PER_TURN = 64;

export interface HostContext {
  readonly world: World;
  readonly network: Network;
  readonly seed: number;
  readonly mtu: number;
  /** Whether the links are multicast: senders are then distinguished by node and wire. Otherwise there is one peer. */
  readonly multicast: boolean;
  log(host: number, line: string): void;
  crashed(host: number, error: unknown): void;
  /** A node dropped records because it takes them for dead. @throws Violation */
  droppedDead(host: number, records: TableRecords): void;
  /** The number of a new process, unique in a run. */
  nextIncarnation(): number;
}

const IGNORE_EVENTS: KernelSink = { flow: () => {}, expectation: () => {}, traffic: () => {} };
const EVENTS_PER_READ = 1024;

interface Waiting {
  readonly wire: number;
  readonly from: number;
  readonly incarnation: number;
  readonly datagram: Uint8Array;
  readonly sentAt: number;
}

/** A firewall: a kernel, interfaces and a daemon, each of which can fail. */
export class Host implements Port {
  readonly number: number;
  readonly options: NodeOptions;
  kernel: MemoryKernel;
  daemon: Daemon | undefined;
  process: Process | undefined;
  /** Identifies this daemon's process among all others. */
  incarnation = 0;
  private hasStarted = false;
  /** Datagrams that were dropped because the receive buffer was full or no daemon was running. */
  undelivered = 0;
  /** Whether the machine is on: packets can pass through it. */
  isOn = true;
  /** Whether the last datagram that was sent had the HELLO flag. */
  saysHello = false;
  /** Whether the node did something since the last check. */
  touched = false;
  /** When the last datagram was sent, in virtual milliseconds, that the daemon has of each node. */
  readonly heardUntil = new Map<number, number>();
  /** When an operator or a script asked the daemon for something last. */
  requestedAt = Number.NEGATIVE_INFINITY;
  private readonly context: HostContext;
  private readonly random: Random;
  private readonly kernelRandom: Random;
  private readonly buffer: Waiting[] = [];
  private buffered = 0;
  private reading = false;
  private wallJump = 0;
  private numbersDoubtful = false;
  /** Announces that the kernel's events can be read; set while they wait for a paused daemon. */
  private unannounced: (() => void) | undefined;

  constructor(number: number, options: NodeOptions, context: HostContext) {
    this.number = number;
    this.options = options;
    this.context = context;
    this.random = Random.forPurpose(context.seed, `host ${number}`);
    this.kernelRandom = Random.forPurpose(context.seed, `kernel of host ${number}`);
    this.kernel = this.bootKernel();
  }

  get isUp(): boolean {
    return this.daemon !== undefined;
  }

  /** Starts the daemon. @param clockJump seconds that the wall clock jumped */
  start(clockJump = 0): void {
    const { world, network, mtu } = this.context;
    this.isOn = true;
    this.wallJump += clockJump;
    this.incarnation = this.context.nextIncarnation();
    // A daemon does not receive the events from before its start.
    while (this.kernel.readEvents(IGNORE_EVENTS, EVENTS_PER_READ) !== ReadResult.DRAINED);
    const process = new Process(
      world,
      this.random,
      this.options.wallSeconds + this.wallJump,
      this.hasStarted ? undefined : this.options.firstNumber,
    );
    this.hasStarted = true;
    this.process = process;
    const place = {
      kernel: this.kernel,
      process,
      options: this.options,
      wires: {
        payloadLimit: mtu - HEADER_BYTES,
        count: network.wires,
        send: (wire: number, bytes: Uint8Array, length: number) => {
          this.saysHello = (flagsOf(bytes, 0) & Flag.HELLO) !== 0;
          network.send(wire, this.number, this.incarnation, bytes, length);
        },
      },
      log: (line: string) => this.context.log(this.number, line),
      crashed: (error: unknown) => this.context.crashed(this.number, error),
      droppedDead: (records: TableRecords) => this.context.droppedDead(this.number, records),
    };
    this.daemon = this.options.program === 'c' ? new CDaemon(place) : new OurDaemon(place);
    for (let wire = 0; wire < network.wires; wire++) {
      if (!network.isUp(wire, this.number)) this.daemon.interfaceChanged(wire, false);
    }
    this.daemon.numbersDoubtful = this.numbersDoubtful;
    this.daemon.start();
    world.expectPromises();
  }

  get areNumbersDoubtful(): boolean {
    return this.numbersDoubtful;
  }

  /** See {@link Daemon.numbersDoubtful}; also for daemons that start meanwhile. */
  setNumbersDoubtful(doubtful: boolean): void {
    this.numbersDoubtful = doubtful;
    if (this.daemon) this.daemon.numbersDoubtful = doubtful;
  }

  /** Kills the daemon immediately. */
  kill(): void {
    this.process?.kill();
    this.daemon?.close();
    this.process = undefined;
    this.daemon = undefined;
    this.announce();
    this.buffer.length = 0;
    this.buffered = 0;
    this.reading = false;
  }

  /** The machine fails, and loses the kernel's table. */
  powerOff(): void {
    this.kill();
    this.isOn = false;
    this.kernel.close();
    this.kernel = this.bootKernel();
  }

  /** The daemon stops running until {@link resume}. */
  pause(): void {
    this.process?.pause();
  }

  resume(): void {
    this.process?.resume();
    this.announce();
    this.touched = true;
  }

  arrive(wire: number, from: number, incarnation: number, datagram: Uint8Array, sentAt: number): void {
    const { process } = this;
    const size = datagram.length + DATAGRAM_OVERHEAD_BYTES;
    if (process === undefined || this.buffered + size > this.options.receiveBuffer) {
      this.undelivered++;
      return;
    }
    this.buffer.push({ wire, from, incarnation, datagram, sentAt });
    this.buffered += size;
    this.scheduleRead(process);
  }

  /** A request of the control socket. */
  request(code: number): Promise<void> {
    const { daemon, process } = this;
    if (daemon === undefined || process === undefined) return Promise.resolve();
    this.requestedAt = this.context.world.now;
    this.context.world.expectPromises();
    return new Promise((resolve) =>
      process.run(() => {
        this.touched = true;
        daemon.request(code).then(resolve, (error: unknown) => {
          this.context.crashed(this.number, error);
          resolve();
        });
        this.context.world.expectPromises();
      }),
    );
  }

  private announce(): void {
    const { unannounced } = this;
    this.unannounced = undefined;
    unannounced?.();
  }

  private scheduleRead(process: Process): void {
    if (this.reading) return;
    this.reading = true;
    process.defer(() => this.read(process));
  }

  private read(process: Process): void {
    const { daemon, buffer } = this;
    this.reading = false;
    if (daemon === undefined) return;
    this.touched = true;
    const count = Math.min(buffer.length, DATAGRAMS_PER_TURN);
    for (let n = 0; n < count; n++) {
      const { wire, from, incarnation, datagram, sentAt } = buffer[n]!;
      if (incarnation !== STRANGER) this.heardUntil.set(from, sentAt);
      this.buffered -= datagram.length + DATAGRAM_OVERHEAD_BYTES;
      daemon.receive(wire, this.senderNumber(from, wire), incarnation, datagram);
    }
    if (count === buffer.length) buffer.length = 0;
    else buffer.splice(0, count);
    daemon.drained();
    if (buffer.length > 0) this.scheduleRead(process);
  }

  private senderNumber(from: number, wire: number): number {
    return this.context.multicast ? 1 + from * this.context.network.wires + wire : 0;
  }

  private bootKernel(): MemoryKernel {
    const { world } = this.context;
    const options: MemoryKernelOptions = {
      timeout: this.options.commitTimeout === undefined,
      windowScale: false,
      expectations: this.options.expectationSync,
      eventLimit: this.options.eventLimit,
      announce: (ready) =>
        world.defer(() => {
          this.touched = true;
          if (this.process?.isPaused) this.unannounced = ready;
          else ready();
        }),
    };
    const kernel = new SimulatedKernel(options, this.kernelRandom);
    kernel.advance(world.now);
    return kernel;
  }
}
