import { setTimeout as sleep } from 'node:timers/promises';
import { Request } from '../../../src/control/codes.ts';
import {
  type ConfigurationOptions,
  type ConntrackdNode,
  cProgram,
  javascriptProgram,
  type Lab,
  openLab,
  type Program,
} from '../../netns/lab.ts';
import { syncAddress } from '../../netns/topology.ts';
import type { Mode } from '../reference.ts';
import { inRepository } from '../repository.ts';
import { ask } from './control.ts';
import { type Injector, injectorInside } from './injector.ts';
import {
  activeIn,
  countersIn,
  hasResync,
  linesIn,
  nacksIn,
  type Observation,
  packetsIn,
} from './observation.ts';

export type NodeKind = 'c' | 'ts';

const PROGRAMS: Readonly<Record<NodeKind, Program>> = {
  c: cProgram,
  ts: javascriptProgram(inRepository('dist', 'src', 'cli', 'main.js')),
};

const MODES = { ftfw: 'FTFW', notrack: 'NOTRACK', alarm: 'ALARM' } as const;

/** Most bytes in flight: a socket buffer of 1.2 MB holds them whatever the datagram size. */
const BATCH_BYTES = 150_000;
/** Most datagrams in flight: the answers, one datagram each, must fit into an ordinary socket buffer. */
const BATCH_DATAGRAMS = 50;

/** Datagrams of a flood in flight: about as many of the smallest as the node's socket buffer holds. */
const FLOOD_PART = 800;

/** Milliseconds until a node's answer has arrived through the pipes, even on a busy machine. */
const ANSWERS_TAKE = 30;
const LATE_ANSWERS_TAKE = 1_000;

/** The node did not survive, or is silent. */
export class NodeTrouble extends Error {
  override readonly name = 'NodeTrouble';
  readonly node: NodeKind;

  constructor(node: NodeKind, message: string) {
    super(message);
    this.node = node;
  }
}

/** The configuration of a node in a laboratory. */
export function configurationOf(mode: Mode): ConfigurationOptions {
  return { mode: MODES[mode], inOptions: ['ExpectationSync On'] };
}

/** A node of either kind in a laboratory of its own, and a socket that acts as its peer. */
export class Station {
  readonly kind: NodeKind;
  private readonly lab: Lab;
  private readonly injector: Injector;
  private readonly mode: Mode;
  private node: ConntrackdNode | undefined;
  private sent = 0;
  private before: Readonly<Record<string, number>> = {};
  /** The ranges that the node has requested with NACKs since its start. */
  private readonly nacked = new Set<string>();

  private constructor(kind: NodeKind, mode: Mode, lab: Lab, injector: Injector) {
    this.kind = kind;
    this.mode = mode;
    this.lab = lab;
    this.injector = injector;
  }

  static async open(kind: NodeKind, mode: Mode, port: number): Promise<Station> {
    const lab = await openLab();
    try {
      const injector = await injectorInside(lab.b.namespace, {
        address: syncAddress('b', 0).v4,
        peer: syncAddress('a', 0).v4,
        port,
      });
      const station = new Station(kind, mode, lab, injector);
      await station.restart();
      return station;
    } catch (error) {
      await lab.close();
      throw error;
    }
  }

  /** Resident memory of the node in bytes. */
  get memory(): number {
    return this.node?.residentBytes() ?? 0;
  }

  /** Ends the node, whatever its state, and starts a fresh one. */
  async restart(): Promise<void> {
    await this.node?.kill();
    this.node = await this.lab.a.start({
      program: PROGRAMS[this.kind],
      configuration: configurationOf(this.mode),
    });
    this.sent = packetsIn(await this.ask(Request.STATISTICS));
    this.before = countersIn(await this.ask(Request.STATISTICS_NETWORK));
    this.injector.takeReceived();
    this.nacked.clear();
  }

  /** The laboratory; the node runs on its firewall A. */
  get laboratory(): Lab {
    return this.lab;
  }

  /** The running node. */
  get running(): ConntrackdNode {
    return this.node!;
  }

  /**
   * Sends `count` datagrams of a stock, no faster than the node reads them.
   * @param seen receives the number of datagrams sent so far, after each part
   */
  async flood(stock: readonly Uint8Array[], count: number, seen: (sent: number) => void): Promise<void> {
    this.injector.setStock(stock);
    for (let from = 0; from < count; from += FLOOD_PART) {
      const part = Math.min(FLOOD_PART, count - from);
      this.injector.sendStock(from, part);
      this.sent += part;
      await this.taken();
      this.injector.takeReceived();
      seen(from + part);
    }
  }

  /** Closes the socket, so that a real node can act as the peer. */
  async leavePeersPlace(): Promise<void> {
    await this.injector.close();
  }

  /** Sends the datagrams no faster than the node reads them, and waits until it has read the last. */
  async send(datagrams: readonly Uint8Array[]): Promise<void> {
    for (let from = 0; from < datagrams.length; ) {
      let to = from;
      for (let bytes = 0; to < datagrams.length && to - from < BATCH_DATAGRAMS && bytes < BATCH_BYTES; to++) {
        bytes += datagrams[to]!.length;
      }
      this.injector.send(datagrams.slice(from, to));
      this.sent += to - from;
      await this.taken();
      from = to;
    }
  }

  /** The visible state of the node; counters start from the previous observation. */
  async observe(): Promise<Observation> {
    const counters = countersIn(await this.ask(Request.STATISTICS_NETWORK));
    const refused = Object.fromEntries(
      Object.entries(counters).map(([name, count]) => [name, count - this.before[name]!]),
    );
    this.before = counters;
    const flows = linesIn(await this.ask(Request.DUMP_EXTERNAL_CT));
    const expectations = linesIn(await this.ask(Request.DUMP_EXTERNAL_EXPECT));
    const active = {
      flows: activeIn(await this.ask(Request.STATISTICS)),
      expectations: activeIn(await this.ask(Request.STATISTICS_EXPECT)),
    };
    await sleep(ANSWERS_TAKE);
    const received = this.injector.takeReceived();
    return {
      counters: refused,
      flows,
      expectations,
      active,
      nacks: this.freshNacks(received),
      hasAsked: hasResync(received),
    };
  }

  /** The ranges that the node has requested since the observation: on a busy machine NACKs arrive late. */
  async lateNacks(): Promise<string[]> {
    await sleep(LATE_ANSWERS_TAKE);
    return this.freshNacks(this.injector.takeReceived());
  }

  /**
   * The ranges that the node requests for the first time. A node resends a NACK when a NACK covers its number, and the
   * numbers of two nodes differ.
   */
  private freshNacks(received: readonly Uint8Array[]): string[] {
    const fresh = nacksIn(received).filter((range) => !this.nacked.has(range));
    for (const range of fresh) this.nacked.add(range);
    return fresh;
  }

  /** Flushes the caches. */
  async flush(): Promise<void> {
    await this.ask(Request.FLUSH_CACHES_ALL);
  }

  /** The answer to a request on the control socket. @throws NodeTrouble */
  async ask(request: number): Promise<string> {
    const node = this.node!;
    try {
      return await ask(node.paths.controlSocket, request, 20_000);
    } catch (error) {
      const how = node.running() ? 'does not answer' : 'died';
      throw new NodeTrouble(this.kind, `${how}: ${(error as Error).message}; ${node.log().slice(-500)}`);
    }
  }

  async close(): Promise<void> {
    await this.injector.close();
    await this.lab.close();
  }

  private async taken(): Promise<void> {
    const deadline = performance.now() + 20_000;
    for (;;) {
      const received = packetsIn(await this.ask(Request.STATISTICS));
      if (received >= this.sent) return;
      if (performance.now() > deadline) {
        const missing = this.sent - received;
        this.sent = received;
        throw new NodeTrouble(this.kind, `did not receive ${missing} datagrams`);
      }
      await sleep(2);
    }
  }
}
