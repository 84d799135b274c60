import { TransmitResult } from '../../src/sync/engine.ts';
import { Flag } from '../../src/wire/header.ts';
import { Node, type NodeOptions } from './node.ts';

/** What a link does to datagrams; chances are from 0 to 1, times in milliseconds. */
export interface Weather {
  readonly loss?: number;
  readonly duplication?: number;
  /** A datagram takes from the first to the second, each its own: those that differ overtake one another. */
  readonly delay?: readonly [number, number];
}

const FAIR: Required<Weather> = { loss: 0, duplication: 0, delay: [1, 1] };

/** Numbers from 0 to below 1 on a seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
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
  /** The greatest lengths that the resend queues had. */
  resendPeak = 0;
  private weather: Required<Weather> = FAIR;
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

  setWeather(weather: Weather): void {
    this.weather = { ...FAIR, ...weather };
  }

  /** Lets both say hello and waits until neither has anything in flight or waiting for the other. */
  greet(): void {
    this.run(4000);
    for (const node of [this.a, this.b]) {
      if (node.transmit().some(({ flags }) => flags & Flag.HELLO))
        throw new Error('the hello did not go through');
    }
  }

  /** Node b is gone with all that it knew, and `b` has its address now. What is in flight to it arrives there. */
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
    const { loss, duplication, delay } = this.weather;
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
