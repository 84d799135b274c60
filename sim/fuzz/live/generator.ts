import fc from 'fast-check';
import { encodeExpectation, encodeFlow } from '../../../src/wire/encode.ts';
import { Random } from '../../random.ts';
import { expectation, flow } from '../generators.ts';
import { ack, alive, concat, data, nack, resync } from '../messages.ts';
import { Mutator } from '../mutation/mutator.ts';
import type { Mode } from '../reference.ts';
import { capturedDatagrams, capturedRecords } from '../seeds.ts';
import { DifferencePredictor, type KnownDifference } from './known.ts';

/** Datagrams of one round: few enough to repeat a round often, many enough to justify dumping the caches. */
export const ROUND = 150;
/** The most bytes that one Ethernet frame carries. */
const ORDINARY_MAX = 1472;
/** The most bytes that a UDP datagram over IPv4 carries. */
const DATAGRAM_MAX = 65_507;

const HELLO = 32;
const HELLO_BACK = 64;

const KEY_TYPES: ReadonlySet<number> = new Set([0, 1, 2, 3, 22, 23, 24, 32]);

/** The attributes of `body` with the key of `key`: the flow of `key` in another state. */
function recombined(key: Uint8Array, body: Uint8Array): Uint8Array {
  const pick = (record: Uint8Array, wanted: (type: number) => boolean) => {
    const parts: Uint8Array[] = [];
    for (let at = 0; at < record.length; ) {
      const size = (((record[at]! << 8) | record[at + 1]!) + 3) & ~3;
      if (wanted((record[at + 2]! << 8) | record[at + 3]!)) parts.push(record.subarray(at, at + size));
      at += size;
    }
    return parts;
  };
  return concat(...pick(key, (type) => KEY_TYPES.has(type)), ...pick(body, (type) => !KEY_TYPES.has(type)));
}

function protocolOf(record: Uint8Array): number {
  for (let at = 0; at < record.length; at += (((record[at]! << 8) | record[at + 1]!) + 3) & ~3) {
    if (record[at + 3] === 2) return record[at + 4]!;
  }
  return -1;
}

function plain(name: string): string {
  return name.replaceAll(/[^!-~]/g, 'x');
}

/** Generates rounds of datagrams from a seed, such as a peer and a stranger would send. */
export class Rounds {
  /** How often a datagram would have caused a known difference, by name. */
  readonly avoided: Map<string, number> = new Map();
  private readonly random: Random;
  private readonly mode: Mode;
  private readonly avoids: boolean;
  private readonly mutator: Mutator;
  private readonly flows: readonly Uint8Array[];
  private readonly expectations: readonly Uint8Array[];
  private readonly seeds: readonly Uint8Array[];
  private predictor: DifferencePredictor;
  private sequence: number;

  /** @param avoids whether to leave out datagrams that cause a known difference, as when comparing two nodes */
  constructor(seed: number, mode: Mode, avoids: boolean) {
    this.avoids = avoids;
    const random = Random.forStream(seed);
    this.random = random;
    this.mode = mode;
    this.mutator = new Mutator(random);
    const options = { seed: random.u32() | 0, numRuns: 150 };
    const fits = ({ length }: Uint8Array) => length < ORDINARY_MAX - 100;
    const ordinary = flow().map(({ labels = [], helper, ...rest }) => ({
      ...rest,
      labels: labels.slice(0, 4),
      ...(helper === undefined ? {} : { helper: plain(helper) }),
    }));
    const ordinaryExpectation = expectation().map(({ helper, ...rest }) => ({
      ...rest,
      ...(helper === undefined ? {} : { helper: plain(helper) }),
    }));
    this.flows = [...fc.sample(ordinary, options).map(encodeFlow), ...capturedRecords('flow')].filter(fits);
    this.expectations = [
      ...fc.sample(ordinaryExpectation, options).map(encodeExpectation),
      ...capturedRecords('expectation'),
    ].filter(fits);
    this.seeds = capturedDatagrams();
    this.sequence = random.oneIn(3) ? 0xffff_ff00 : random.u32();
    this.predictor = new DifferencePredictor(mode);
  }

  /** Call this when the node has restarted, and knows nothing of the earlier datagrams. */
  forget(): void {
    this.predictor = new DifferencePredictor(this.mode);
  }

  /** Generates the next round. */
  next(): Uint8Array[] {
    const round: Uint8Array[] = [];
    this.predictor.forgetRecords();
    while (round.length < ROUND) {
      this.sequence = this.predictor.expected ?? this.sequence;
      const datagram = this.datagram();
      if (datagram.length === 0 || datagram.length > DATAGRAM_MAX) continue;
      const known = this.predictor.accept(datagram);
      if (known === undefined || !this.avoids) round.push(datagram);
      else this.avoid(known);
    }
    return round;
  }

  private avoid({ name }: KnownDifference): void {
    this.avoided.set(name, (this.avoided.get(name) ?? 0) + 1);
  }

  private datagram(): Uint8Array {
    const { random } = this;
    const messages = random.oneIn(3) ? random.between(2, 6) : 1;
    const parts = Array.from({ length: messages }, () => this.message());
    const whole = concat(...parts);
    const sound = whole.length <= ORDINARY_MAX ? whole : parts[0]!;
    if (random.below(10) < 4) return sound;
    const begin = random.oneIn(4) ? [random.pick(this.seeds)] : [sound];
    this.mutator.next('datagram', begin);
    const mutated = this.mutator.bytes.slice(0, this.mutator.length);
    // Its number stays unchanged, so that its other faults count.
    if (random.below(10) > 0 && mutated.length >= 8) mutated.set(sound.subarray(4, 8), 4);
    return mutated;
  }

  private message(): Uint8Array {
    const { random } = this;
    const sequence = this.number();
    const flags = random.oneIn(40) ? random.pick([HELLO, HELLO_BACK, HELLO | HELLO_BACK]) : 0;
    const turn = random.below(24);
    if (turn === 0) return alive(sequence, flags);
    if (turn === 1) return ack(sequence, random.u32(), random.u32(), flags);
    if (turn === 2) return nack(sequence, random.u32(), random.u32(), flags);
    if (turn === 3 && random.oneIn(4)) return resync(sequence, flags);
    if (turn < 9) return data(3 + random.below(3), sequence, random.pick(this.expectations), flags);
    // A fifth of the flows occur repeatedly.
    const few = Math.ceil(this.flows.length / 5);
    const record = random.oneIn(3) ? random.pick(this.flows) : this.known(few);
    return data(random.pick([0, 0, 1, 1, 1, 2]), sequence, record, flags);
  }

  /** One of the first `few` flows, in the state of another flow of its protocol. */
  private known(few: number): Uint8Array {
    const key = this.flows[this.random.below(few)]!;
    const protocol = protocolOf(key);
    for (let tries = 0; tries < 20; tries++) {
      const body = this.random.pick(this.flows);
      if (protocolOf(body) === protocol) return recombined(key, body);
    }
    return key;
  }

  private number(): number {
    const { random } = this;
    let step = 0;
    if (random.oneIn(25)) step = random.between(1, random.oneIn(4) ? 5000 : 5);
    else if (random.oneIn(40)) step = -random.between(1, 10);
    const sequence = (this.sequence + step) >>> 0;
    if (step >= 0) this.sequence = (sequence + 1) >>> 0;
    return sequence;
  }
}
