import { Random } from '../../sim/random.ts';
import { TransmitResult } from '../../src/sync/engine.ts';
import { Flag } from '../../src/wire/header.ts';
import { Node, type NodeOptions } from './node.ts';

/** What a link does to datagrams. Chances are from 0 to 1, times in milliseconds. */
export interface LinkConditions {
  readonly loss?: number;
  readonly duplication?: number;
  /** The shortest and the longest time that a datagram takes: where they differ, datagrams are reordered. */
  readonly delay?: readonly [number, number];
}

const PERFECT: Required<LinkConditions> = { loss: 0, duplication: 0, delay: [1, 1] };

/** Numbers from 0 to below 1 on a seed. */
export function random(seed: number): () => number {
  const numbers = Random.forPurpose(seed, 'pair');
  return () => numbers.fraction();
}

interface Flight {
  readonly at: number;
  readonly to: Node;
  readonly datagram: Uint8Array;
}

/** Two nodes and the link between them, in virtual time and on a seed. */
export class Pair {
  readonly a: Node;
  b: Node;
  /** The greatest length that either resend queue had. */
  resendPeak = 0;
  private conditions: Required<LinkConditions> = PERFECT;
  private readonly chance: () => number;
  private readonly budget: number;
  private flights: Flight[] = [];

  /** @param budget messages sent in one run of a transmit queue */
  constructor(seed: number, a: NodeOptions = {}, b: NodeOptions = {}, budget = 100) {
    this.chance = random(seed);
    this.a = new Node(a);
    this.b = new Node(b);
    this.budget = budget;
  }

  get now(): number {
    return this.a.now;
  }

  get inFlight(): number {
    return this.flights.length;
  }

  setConditions(conditions: LinkConditions): void {
    this.conditions = { ...PERFECT, ...conditions };
  }

  /** Completes the handshake, and runs until nothing is in flight or queued. */
  handshake(): void {
    this.run(4000);
    for (const node of [this.a, this.b]) {
      if (node.transmit().some(({ flags }) => flags & Flag.HELLO))
        throw new Error('the hello did not go through');
    }
  }

  /** Replaces node b by one that knows nothing. Datagrams in flight to the old one arrive at it. */
  replaceB(b: Node): void {
    this.flights = this.flights.map((flight) => (flight.to === this.b ? { ...flight, to: b } : flight));
    this.b = b;
  }

  /** Virtual time passes: datagrams arrive, timeouts fall due, queues are sent. */
  run(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (;;) {
      this.send(this.a, this.b);
      this.send(this.b, this.a);
      const due = Math.min(
        this.a.engine.pollTimeout(),
        this.b.engine.pollTimeout(),
        this.flights[0]?.at ?? Number.POSITIVE_INFINITY,
      );
      const now = Math.max(this.now, Math.min(due, end));
      this.a.advance(now - this.a.now);
      this.b.advance(now - this.b.now);
      this.deliver(now);
      if (due > end) return;
    }
  }

  private send(from: Node, to: Node): void {
    do {
      for (const datagram of from.emit(this.budget)) this.launch(to, datagram);
      this.resendPeak = Math.max(this.resendPeak, from.engine.queues.resendLength);
    } while (from.transmission === TransmitResult.MORE);
  }

  private launch(to: Node, datagram: Uint8Array): void {
    const { loss, duplication, delay } = this.conditions;
    const copies = this.chance() < duplication ? 2 : 1;
    for (let n = 0; n < copies; n++) {
      if (this.chance() < loss) continue;
      const at = this.now + delay[0] + Math.floor(this.chance() * (delay[1] - delay[0] + 1));
      this.flights.push({ at, to, datagram });
    }
    // Stable: what arrives in the same millisecond arrives in the order it was sent.
    this.flights.sort((one, other) => one.at - other.at);
  }

  private deliver(now: number): void {
    while (this.flights.length > 0 && this.flights[0]!.at <= now) {
      const { to, datagram } = this.flights.shift()!;
      to.receive(datagram);
    }
  }
}
