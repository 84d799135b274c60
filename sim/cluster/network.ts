import type { Random } from '../random.ts';
import type { World } from './world.ts';

/** How a wire treats datagrams. Probabilities are from 0 to 1, times in milliseconds. */
export interface NetworkConditions {
  readonly loss: number;
  readonly duplication: number;
  /** Some bytes are changed. */
  readonly corruption: number;
  /** The end is cut off. */
  readonly truncation: number;
  /** Minimum delay of a datagram. */
  readonly delay: number;
  /** Mean of a random additional delay, which reorders datagrams. */
  readonly jitter: number;
}

export const FAIR_CONDITIONS: NetworkConditions = {
  loss: 0,
  duplication: 0,
  corruption: 0,
  truncation: 0,
  delay: 0.1,
  jitter: 0,
};

export interface NetworkFigures {
  sent: number;
  bytes: number;
  delivered: number;
  lost: number;
  duplicated: number;
  corrupted: number;
  truncated: number;
  /** Stopped by a partition or an interface that was down. */
  blocked: number;
}

/** A node's side of the network. */
export interface Port {
  /**
   * The bytes belong to the receiver.
   * @param incarnation identifies the process of the sending node
   * @param sentAt virtual milliseconds
   */
  arrive(wire: number, from: number, incarnation: number, datagram: Uint8Array, sentAt: number): void;
}

/** Called with each datagram that a node sends; the bytes are valid during the call. */
export type Watch = (wire: number, from: number, datagram: Uint8Array) => void;

/** The dedicated links: each wire joins all nodes. What one node sends on a wire, all others receive. */
export class Network {
  readonly wires: number;
  readonly figures: NetworkFigures = {
    sent: 0,
    bytes: 0,
    delivered: 0,
    lost: 0,
    duplicated: 0,
    corrupted: 0,
    truncated: 0,
    blocked: 0,
  };
  /** Datagrams in flight. */
  inFlight = 0;
  private readonly world: World;
  private readonly random: Random;
  private readonly ports: readonly Port[];
  private readonly conditions: NetworkConditions[];
  /** Number of reasons why nothing passes, by wire, sender and receiver. */
  private readonly blocks: Uint8Array;
  /** The same by wire and interface. */
  private readonly down: Uint8Array;
  private readonly watch: Watch | undefined;

  /** @param watch called with each datagram that is sent */
  constructor(world: World, random: Random, wires: number, ports: readonly Port[], watch?: Watch) {
    this.world = world;
    this.random = random;
    this.wires = wires;
    this.ports = ports;
    this.watch = watch;
    this.conditions = Array.from({ length: wires }, () => FAIR_CONDITIONS);
    this.blocks = new Uint8Array(wires * ports.length * ports.length);
    this.down = new Uint8Array(wires * ports.length);
  }

  setConditions(wire: number, conditions: NetworkConditions): void {
    this.conditions[wire] = conditions;
  }

  /** Nothing passes from one node to another until it is unblocked as often as it was blocked. */
  block(wire: number, from: number, to: number): void {
    this.blocks[this.path(wire, from, to)]!++;
  }

  unblock(wire: number, from: number, to: number): void {
    this.blocks[this.path(wire, from, to)]!--;
  }

  /** A node's interface to a wire fails until it is repaired as often as it failed. */
  fail(wire: number, node: number): void {
    this.down[wire * this.ports.length + node]!++;
  }

  repair(wire: number, node: number): void {
    this.down[wire * this.ports.length + node]!--;
  }

  isUp(wire: number, node: number): boolean {
    return this.down[wire * this.ports.length + node] === 0;
  }

  /** A process of node `from` sends `bytes[0, length)` on a wire. */
  send(wire: number, from: number, incarnation: number, bytes: Uint8Array, length: number): void {
    const { figures } = this;
    figures.sent++;
    figures.bytes += length;
    this.watch?.(wire, from, bytes.subarray(0, length));
    for (let to = 0; to < this.ports.length; to++) {
      if (to === from) continue;
      if (!this.isUp(wire, from) || !this.isUp(wire, to) || this.blocks[this.path(wire, from, to)] !== 0)
        figures.blocked++;
      else this.launch(wire, from, to, incarnation, bytes, length);
    }
  }

  private launch(
    wire: number,
    from: number,
    to: number,
    incarnation: number,
    bytes: Uint8Array,
    length: number,
  ): void {
    const { figures, random } = this;
    const conditions = this.conditions[wire]!;
    let copies = 1;
    if (random.chance(conditions.duplication)) {
      copies = 2;
      figures.duplicated++;
    }
    for (; copies > 0; copies--) {
      if (random.chance(conditions.loss)) {
        figures.lost++;
        continue;
      }
      const datagram = this.damaged(conditions, bytes, length);
      const sentAt = this.world.now;
      const extra = conditions.jitter === 0 ? 0 : random.exponential(conditions.jitter);
      this.inFlight++;
      this.world.at(this.world.now + conditions.delay + extra, () => {
        this.inFlight--;
        if (!this.isUp(wire, to)) {
          figures.blocked++;
          return;
        }
        figures.delivered++;
        this.ports[to]!.arrive(wire, from, incarnation, datagram, sentAt);
      });
    }
  }

  private damaged(conditions: NetworkConditions, bytes: Uint8Array, length: number): Uint8Array {
    const { figures, random } = this;
    if (random.chance(conditions.truncation)) {
      figures.truncated++;
      return copyOf(bytes, random.below(length));
    }
    const datagram = copyOf(bytes, length);
    if (random.chance(conditions.corruption)) {
      figures.corrupted++;
      for (let wrong = random.between(1, 4); wrong > 0; wrong--)
        datagram[random.below(length)]! ^= random.between(1, 255);
    }
    return datagram;
  }

  private path(wire: number, from: number, to: number): number {
    return (wire * this.ports.length + from) * this.ports.length + to;
  }
}

/** A Buffer's own `slice` would not copy. */
function copyOf(bytes: Uint8Array, length: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, 0, length);
}
