import type { Tuple } from '../../../src/flow/tuple.ts';
import type { MemoryKernel } from '../../../src/kernel/memory/memory-kernel.ts';
import { decodeFlow } from '../../../src/wire/decode.ts';
import type { Random } from '../../random.ts';
import { CLIENTS, type Endpoints, PORTS, SERVERS, type Template, templatesOf } from '../clients.ts';
import type { World } from '../world.ts';
import {
  type FlowName,
  Passage,
  passDatagram,
  passTcp,
  Tcp,
  type TcpPacket,
  type Timeouts,
} from './packets.ts';

/** A packet of a connection: to the server, or its reply. */
interface Step {
  readonly packet: TcpPacket | 'datagram';
  readonly isReply: boolean;
}

const OPENING: readonly Step[] = [
  { packet: 'SYN', isReply: false },
  { packet: 'SYN/ACK', isReply: true },
  { packet: 'ACK', isReply: false },
];
const CLOSING: readonly Step[] = [
  { packet: 'FIN', isReply: false },
  { packet: 'ACK', isReply: true },
  { packet: 'FIN', isReply: true },
  { packet: 'ACK', isReply: false },
];
const FIRST_DATAGRAMS: readonly Step[] = [
  { packet: 'datagram', isReply: false },
  { packet: 'datagram', isReply: true },
  { packet: 'datagram', isReply: false },
];

/** A packet that is dropped is sent again after this long, in ms, twice as long each time up to a second. */
const RETRY_MS = 100;
/** Some 13 s: less than a connection that is over is remembered, so that one whose tuple is used again cannot wait for its end. */
const TRIES_MAX = 15;
/** Tries after which a client that has no answer sends its SYN again. */
const SYN_TRIES = 3;
/** Mean of the time between two packets of a connection, and the longest, in ms. */
const GAP_MS = 2000;
const GAP_MAX_MS = 8000;
const HANDSHAKE_GAP_MS = 20;

/** A connection through the firewalls. Its packets go on whether or not the firewalls know it; where they do not, it breaks. */
export interface Connection extends FlowName {
  readonly template: Template;
  readonly ends: Endpoints;
  readonly isTcp: boolean;
  readonly hasMark: boolean;
  readonly key: string;
  /** The nodes that its packets pass, and their replies. */
  forward: number;
  reverse: number;
  readonly isAsymmetric: boolean;
  /** Packets until it closes; infinity for one that stays open. */
  left: number;
  /** The next step of {@link OPENING} or {@link CLOSING}; data in between. */
  step: number;
  phase: 'opening' | 'data' | 'closing';
  tries: number;
  /** When a packet last changed its state, in ms. */
  changedAt: number;
}

/** A connection that a firewall cut off. */
export interface Break {
  readonly connection: Connection;
  readonly at: number;
}

export interface RoutedTrafficOptions {
  readonly population: number;
  readonly asymmetric: number;
  readonly timeouts: Timeouts;
}

/** Where packets can pass: the kernels of the nodes that are on. */
export interface Paths {
  kernelOf(node: number): MemoryKernel;
  isOn(node: number): boolean;
  readonly count: number;
}

/**
 * Connections whose packets ECMP routes spread over several firewalls: each direction of each connection has a node, another one
 * when that dies, and another one from time to time.
 */
export class RoutedTraffic {
  readonly live = new Map<string, Connection>();
  readonly breaks: Break[] = [];
  packets = 0;
  /** Changes of kernels' tables by packets and rules. */
  changes = 0;
  private ended: { readonly template: Template; readonly ends: Endpoints } | undefined;
  private readonly world: World;
  private readonly random: Random;
  private readonly options: RoutedTrafficOptions;
  private readonly paths: Paths;
  private readonly templates: readonly Template[] = templatesOf(0).common.filter(
    (template) => decodeFlow(template.record, 0, template.record.length).original.icmp === undefined,
  );
  private isChanging = false;
  private isFlowing = false;

  constructor(world: World, random: Random, options: RoutedTrafficOptions, paths: Paths) {
    this.world = world;
    this.random = random;
    this.options = options;
    this.paths = paths;
  }

  /** Connections open, close and move. */
  start(): void {
    this.isChanging = true;
    this.isFlowing = true;
    this.scheduleOpening();
    this.scheduleMoves();
    this.scheduleMarks();
  }

  /** From now on those that are open only go on. */
  stay(): void {
    this.isChanging = false;
  }

  /** No packet comes any more: all connections are over, without a word. */
  stop(): void {
    this.isFlowing = false;
    this.live.clear();
  }

  /** The connections that the ends take for open. */
  *established(): Iterable<Connection> {
    for (const connection of this.live.values()) if (connection.phase === 'data') yield connection;
  }

  private scheduleOpening(): void {
    const { population } = this.options;
    this.world.at(this.world.now + this.random.exponential(20_000 / population), () => {
      if (!this.isChanging) return;
      if (this.live.size < population) this.open();
      this.scheduleOpening();
    });
  }

  private scheduleMoves(): void {
    this.world.at(this.world.now + this.random.exponential(30_000 / this.options.population), () => {
      if (!this.isChanging) return;
      const all = [...this.live.values()];
      if (all.length > 0) {
        this.route(this.random.pick(all));
      }
      this.scheduleMoves();
    });
  }

  private scheduleMarks(): void {
    this.world.at(this.world.now + this.random.exponential(1000), () => {
      if (!this.isChanging) return;
      const marked = [...this.established()].filter(({ hasMark }) => hasMark);
      if (marked.length > 0) this.markAtOnce(this.random.pick(marked));
      this.scheduleMarks();
    });
  }

  private open(): void {
    const { random } = this;
    const again = random.chance(0.3) ? this.ended : undefined;
    const template = again?.template ?? random.pick(this.templates);
    const ends = again?.ends ?? {
      client: random.between(1, CLIENTS),
      server: random.between(1, SERVERS),
      port: random.below(PORTS),
    };
    const record = template.with(ends).slice();
    const { original, zone = 0, mark } = decodeFlow(record, 0, record.length);
    if (zone !== 0) return;
    const key = JSON.stringify(original);
    if (this.live.has(key) || this.isClosing(original as Tuple)) return;
    const connection: Connection = {
      record,
      template,
      ends,
      tuple: original as Tuple,
      key,
      isTcp: template.isTcp,
      hasMark: mark !== undefined,
      forward: 0,
      reverse: 0,
      isAsymmetric: random.chance(this.options.asymmetric),
      left: random.chance(0.5) ? Number.POSITIVE_INFINITY : random.between(1, 12),
      step: 0,
      phase: 'opening',
      tries: 0,
      changedAt: this.world.now,
    };
    if (!this.route(connection)) return;
    this.live.set(key, connection);
    this.send(connection);
  }

  /** A SYN that meets the former connection while that closes is ignored at first, and sent again until it is over. */
  private isClosing(tuple: Tuple): boolean {
    for (let node = 0; node < this.paths.count; node++) {
      const state = this.paths.kernelOf(node).lookup(tuple)?.tcp?.state;
      if (state !== undefined && state !== Tcp.TIME_WAIT && state !== Tcp.CLOSE) return true;
    }
    return false;
  }

  /** Gives the connection nodes that are on. Returns whether there are any. */
  private route(connection: Connection): boolean {
    const { random, paths } = this;
    const on = Array.from({ length: paths.count }, (_, node) => node).filter((node) => paths.isOn(node));
    if (on.length === 0) return false;
    connection.forward = random.pick(on);
    connection.reverse = connection.isAsymmetric ? random.pick(on) : connection.forward;
    return true;
  }

  private send(connection: Connection): void {
    if (!this.isFlowing || this.live.get(connection.key) !== connection) return;
    const { paths, options, world } = this;
    const { packet, isReply } = this.stepOf(connection);
    const hasRoute =
      (paths.isOn(connection.forward) && paths.isOn(connection.reverse)) || this.route(connection);
    if (!hasRoute) {
      this.retry(connection);
      return;
    }
    const kernel = paths.kernelOf(isReply ? connection.reverse : connection.forward);
    kernel.advance(world.now);
    this.packets++;
    const passage =
      packet === 'datagram'
        ? passDatagram(kernel, connection, isReply, options.timeouts)
        : passTcp(kernel, connection, packet, isReply, options.timeouts);
    const isCutOff = passage === Passage.BEGAN && connection.phase !== 'opening';
    if (isCutOff) this.breaks.push({ connection, at: world.now });
    if (passage >= Passage.CHANGED) {
      connection.changedAt = world.now;
      this.changes++;
    }
    if (passage === Passage.DROPPED) this.retry(connection);
    else this.proceed(connection);
  }

  private stepOf(connection: Connection): Step {
    const { phase, step, isTcp } = connection;
    if (phase === 'opening') return (isTcp ? OPENING : FIRST_DATAGRAMS)[step]!;
    if (phase === 'closing') return CLOSING[step]!;
    return { packet: isTcp ? 'ACK' : 'datagram', isReply: this.random.chance(0.5) };
  }

  private proceed(connection: Connection): void {
    connection.tries = 0;
    let gap = Math.min(GAP_MAX_MS, this.random.exponential(GAP_MS));
    if (connection.phase === 'opening') {
      if (++connection.step === OPENING.length) connection.phase = 'data';
      else gap = this.random.exponential(HANDSHAKE_GAP_MS);
    } else if (connection.phase === 'closing') {
      if (++connection.step === CLOSING.length) {
        this.live.delete(connection.key);
        this.ended = connection;
        return;
      }
      gap = this.random.exponential(HANDSHAKE_GAP_MS);
    } else if (this.isChanging && --connection.left <= 0) {
      if (!connection.isTcp) {
        this.live.delete(connection.key);
        return;
      }
      connection.phase = 'closing';
      connection.step = 0;
    }
    this.world.at(this.world.now + gap, () => this.send(connection));
  }

  private retry(connection: Connection): void {
    connection.tries++;
    if (connection.tries > TRIES_MAX) {
      if (connection.phase !== 'closing') this.breaks.push({ connection, at: this.world.now });
      this.live.delete(connection.key);
      return;
    }
    if (connection.phase === 'opening' && connection.tries % SYN_TRIES === 0) connection.step = 0;
    const wait = Math.min(1000, RETRY_MS * 2 ** Math.min(connection.tries, 10));
    this.world.at(this.world.now + wait, () => this.send(connection));
  }

  /** Rules on several nodes give the connection different marks, at once or nearly so. */
  private markAtOnce({ tuple }: Connection): void {
    const { random, world, paths } = this;
    for (let node = 0; node < paths.count; node++) {
      if (!random.chance(0.5)) continue;
      const mark = random.between(1, 1000);
      const set = (): void => {
        if (!paths.isOn(node)) return;
        const kernel = paths.kernelOf(node);
        const handle = kernel.handleOf(tuple);
        if (handle !== 0 && kernel.setMark(handle, mark)) this.changes++;
      };
      world.at(world.now + random.pick([0, 0.05, 0.2, 5]) * random.fraction(), set);
    }
  }
}
