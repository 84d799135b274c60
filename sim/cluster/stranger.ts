import { Flag, HEADER_SIZE, MessageType, writeHeader } from '../../src/wire/header.ts';
import type { Random } from '../random.ts';
import type { Port } from './network.ts';
import type { World } from './world.ts';

/** The process that a datagram of a stranger comes from: no node's. */
export const STRANGER = -1;

/** Milliseconds between two messages to one node, on average. */
const INTERVAL_MS = 500;

interface Target extends Port {
  readonly number: number;
}

/**
 * Somebody who sends to every node in the name of another one, all the time, and knows no number: messages with arbitrary ones, most of
 * which say HELLO.
 */
export class Stranger {
  private readonly world: World;
  private readonly random: Random;
  private readonly hosts: readonly Target[];
  private readonly wires: number;

  constructor(world: World, random: Random, hosts: readonly Target[], wires: number) {
    this.world = world;
    this.random = random;
    this.hosts = hosts;
    this.wires = wires;
  }

  /** Sends from now on. */
  start(): void {
    for (const host of this.hosts) this.schedule(host);
  }

  private schedule(host: Target): void {
    const { world, random, hosts } = this;
    world.at(world.now + random.exponential(INTERVAL_MS), () => {
      const from = (host.number + random.between(1, hosts.length - 1)) % hosts.length;
      host.arrive(random.below(this.wires), from, STRANGER, this.message(), world.now);
      this.schedule(host);
    });
  }

  private message(): Uint8Array {
    const bytes = new Uint8Array(HEADER_SIZE);
    const flags = Flag.ALIVE | (this.random.chance(0.8) ? Flag.HELLO : 0);
    writeHeader(bytes, 0, MessageType.CONTROL, flags, HEADER_SIZE, this.random.below(2 ** 32));
    return bytes;
  }
}
