import { Change, Origin } from '../../../src/flow/change.ts';
import { Item } from '../../../src/flow/item.ts';
import { Protocol } from '../../../src/flow/protocol.ts';
import { Alarm } from '../../../src/sync/alarm.ts';
import {
  type InternalCaches,
  MessageResult,
  type SyncEngine,
  TransmitResult,
} from '../../../src/sync/engine.ts';
import { FtFw } from '../../../src/sync/ftfw/ftfw.ts';
import { CONTROLS_WAITING_MAX } from '../../../src/sync/message-queues.ts';
import { NoTrack } from '../../../src/sync/notrack.ts';
import { type ReceiveCounters, Replica, secondsOf } from '../../../src/sync/replica.ts';
import { ExpiringCache } from '../../../src/table/expiring-cache.ts';
import { ExternalCache } from '../../../src/table/external-cache.ts';
import { InternalCache } from '../../../src/table/internal-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../../src/table/key.ts';
import { SlotState } from '../../../src/table/record-table.ts';
import { Collector } from '../../../src/wire/collector.ts';
import { encodeExpectation, encodeFlow } from '../../../src/wire/encode.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../../../src/wire/record.ts';
import { after } from '../../../src/wire/sequence.ts';
import { Random } from '../../random.ts';
import { ack, alive, concat, control, data, nack, resync } from '../messages.ts';
import { fateOf, lengthAt, type Mode, ReferenceReader } from '../reference.ts';
import { capturedDatagrams } from '../seeds.ts';
import { ensure, type Target } from '../target.ts';
import { generatedDatagrams } from './datagram.ts';

/** What happens to a node, a piece of the input each: kind, argument, length (u8, u8, u16), bytes. */
const Piece = {
  /** A datagram from the sender with the argument's number. */
  DATAGRAM: 0,
  /** The kernel tells of a flow or an expectation: which, by the two bytes; what of it, by the argument. */
  EVENT: 1,
  /** Time passes, the argument times 50 ms. */
  TIME: 2,
  /** The queue is sent, at most so many messages. */
  TRANSMIT: 3,
  /** A peer acknowledges, or asks again for, some of the last numbers that the node gave out. */
  ANSWER: 4,
  COMMAND: 5,
} as const;

/** The program's first bytes say which node it is: mode, resend queue, window, first number, limit. */
const PREFIX = 4;
const LINK_LIMIT = 1472;
const FLOWS = 24;

function makeFlow(n: number, variant: number): Uint8Array {
  const icmp = n % 5 === 4;
  return encodeFlow({
    original: {
      family: n % 3 === 2 ? 6 : 4,
      source: n % 3 === 2 ? `fd00::${n}` : `10.0.0.${n}`,
      destination: n % 3 === 2 ? 'fd00::ffff' : '192.0.2.1',
      protocol: icmp ? Protocol.ICMP : Protocol.TCP,
      ...(icmp ? { icmp: { type: 8, code: 0, id: n } } : { ports: { source: n, destination: 80 } }),
    },
    status: variant,
    ...(variant & 1 ? { mark: variant } : {}),
    ...(variant & 2 ? { labels: [variant, 1, 2, 3] } : {}),
    ...(variant & 4 ? { zone: n & 1 } : {}),
    ...(variant & 8 ? { helper: 'ftp' } : {}),
  });
}

function makeExpectation(n: number, variant: number): Uint8Array {
  const tuple = (port: number) => ({
    family: 4 as const,
    source: `10.1.0.${n}`,
    destination: '192.0.2.1',
    protocol: Protocol.TCP,
    ports: { source: 0, destination: port },
  });
  return encodeExpectation({ master: tuple(21), expected: tuple(n), mask: tuple(0xffff), timeout: variant });
}

/** Made once: a record costs as much as everything else that an event does. */
function remembered(make: typeof makeFlow): typeof makeFlow {
  const made: Uint8Array[] = [];
  return (n, variant) => {
    made[256 * n + variant] ??= make(n, variant);
    return made[256 * n + variant]!;
  };
}

const flowRecord = remembered(makeFlow);
const expectationRecord = remembered(makeExpectation);

/** A node with small limits and a kernel that is told. */
class Node {
  readonly mode: Mode;
  readonly limit: number;
  readonly resendLimit: number;
  readonly internal: InternalCaches;
  readonly external: { readonly flows: ExternalCache; readonly expectations: ExternalCache };
  readonly engine: SyncEngine;
  readonly replica: Replica;
  now = 1_000_000;
  /** The number that the next message must have. */
  upcoming: number;
  transmission: TransmitResult = TransmitResult.DONE;
  /** Messages that the engine called bad, and data messages that it let through, since they were last looked at. */
  bad = 0;
  readonly let: number[] = [];
  readonly collector: Collector;

  constructor(prefix: Uint8Array) {
    const [kind, queue, window, limit] = prefix as unknown as [number, number, number, number];
    this.mode = (['ftfw', 'notrack', 'alarm'] as const)[kind % 3]!;
    this.limit = 1 + (limit & 31);
    this.resendLimit = queue & 63;
    this.upcoming = kind & 0x80 ? (0xffff_fff0 + (kind & 15)) >>> 0 : 1000;
    this.internal = {
      flows: new InternalCache(FLOW_FORMAT, new FlowKeyer(1), this.limit),
      expectations: new InternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(1), this.limit),
    };
    const initialSequence = this.upcoming;
    const inner =
      this.mode === 'ftfw'
        ? new FtFw(
            this.internal,
            {
              resendQueueSize: this.resendLimit,
              ackWindowSize: 1 + (window & 31),
              initialSequence,
            },
            this.now,
          )
        : this.mode === 'notrack'
          ? new NoTrack(this.internal, { initialSequence, bulkFromKernel: false }, this.now)
          : new Alarm(
              this.internal,
              { initialSequence, refreshSeconds: 1 + (window & 7), random: chance(window) },
              this.now,
            );
    this.engine = watched(inner, this);
    const seconds = secondsOf(this.now);
    this.external =
      this.mode === 'alarm'
        ? {
            flows: new ExpiringCache(FLOW_FORMAT, new FlowKeyer(2), this.limit, 5, seconds),
            expectations: new ExpiringCache(
              EXPECTATION_FORMAT,
              new ExpectationKeyer(2),
              this.limit,
              5,
              seconds,
            ),
          }
        : {
            flows: new ExternalCache(FLOW_FORMAT, new FlowKeyer(2), this.limit),
            expectations: new ExternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(2), this.limit),
          };
    this.replica = new Replica(this.internal, this.external, this.engine);
    this.collector = new Collector(LINK_LIMIT, (bytes, length) => this.sent(bytes, length));
  }

  /** A datagram went out: what it may be, and in what order. */
  private sent(bytes: Uint8Array, length: number): void {
    let messages = 0;
    for (let at = 0; at < length; at += lengthAt(bytes, at)) {
      const fate = fateOf(bytes, at, length, 'ftfw');
      ensure(fate === 'data' || fate === 'control', () => `it sends a message that is ${fate}`);
      const sequence = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(4);
      ensure(sequence === this.upcoming, () => `it sends number ${sequence}, expected ${this.upcoming}`);
      this.upcoming = (this.upcoming + 1) >>> 0;
      if (fate === 'data') {
        const reader = readers[(bytes[at]! & 15) <= 2 ? 0 : 1]!;
        const end = at + lengthAt(bytes, at);
        const good = reader.read(bytes, at + 8, end) && reader.isCanonical(bytes, at + 8, end);
        ensure(good, () => 'it sends a record that is not canonical');
      }
      messages++;
    }
    ensure(messages === 1 || length < LINK_LIMIT, () => `it sends ${messages} messages in ${length} bytes`);
  }

  transmit(budget: number): void {
    this.transmission = this.engine.pollTransmit(this.collector, this.now, budget);
  }

  pass(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let turns = 0; this.engine.pollTimeout() <= end; turns++) {
      ensure(turns < 4 * milliseconds + 10, () => `its time stands still at ${this.now}`);
      this.now = Math.max(this.now, this.engine.pollTimeout());
      this.engine.handleTimeout(this.now);
      this.transmit(64);
    }
    this.now = end;
    if (this.external.flows instanceof ExpiringCache) this.external.flows.expire(secondsOf(end));
    if (this.external.expectations instanceof ExpiringCache)
      this.external.expectations.expire(secondsOf(end));
  }
}

const readers = [new ReferenceReader('flow'), new ReferenceReader('expectation')] as const;

function chance(seed: number): () => number {
  const random = Random.forStream(seed);
  return () => random.u32() / 0x1_0000_0000;
}

/** The engine, with an eye on what it makes of each message. */
function watched(engine: SyncEngine, node: Node): SyncEngine {
  const handle = engine.handleMessage.bind(engine);
  engine.handleMessage = (sender, bytes, at, now) => {
    const result = handle(sender, bytes, at, now);
    if (result === MessageResult.MALFORMED) node.bad++;
    if (result === MessageResult.DATA) node.let.push(at);
    return result;
  };
  return engine;
}

/** A node of any mode, and everything that may happen to it in any order. */
export class EngineTarget implements Target {
  readonly name = 'engine';
  readonly grammar = 'pieces';
  readonly weight = 8;

  seeds(random: Random): readonly Uint8Array[] {
    const pool = [...capturedDatagrams(), ...generatedDatagrams(random, 60)];
    return Array.from({ length: 200 }, () => program(random, pool));
  }

  run(input: Uint8Array, length: number): number {
    if (length < PREFIX) return 0;
    const node = new Node(input.subarray(0, PREFIX));
    let pieces = 0;
    for (let at = PREFIX; length - at >= 4 && pieces < 600; pieces++) {
      const size = Math.min((input[at + 2]! << 8) | input[at + 3]!, length - at - 4);
      const body = input.subarray(at + 4, at + 4 + size);
      const counted = { ...node.replica.counters };
      happen(node, input[at]! % 6, input[at + 1]!, body, counted);
      checkQueues(node);
      at += 4 + size;
    }
    checkCaches(node);
    // What waits goes out in the end, whatever happened.
    for (let turns = 0; node.engine.queues.transmitLength > 0; turns++) {
      ensure(turns < 1000, () => `${node.engine.queues.transmitLength} messages are never sent`);
      node.pass(25);
      node.transmit(4096);
    }
    checkQueues(node);
    checkCaches(node);
    return pieces;
  }
}

function happen(
  node: Node,
  kind: number,
  argument: number,
  body: Uint8Array,
  counted: ReceiveCounters,
): void {
  const { replica, engine } = node;
  switch (kind) {
    case Piece.DATAGRAM: {
      node.bad = 0;
      node.let.length = 0;
      const valid = replica.handleDatagram(argument % 70, body, 0, body.length, node.now);
      checkCounters(node, body, counted, valid);
      break;
    }
    case Piece.EVENT: {
      const item = argument & 1 ? Item.EXPECTATION : Item.FLOW;
      const n = (body[0] ?? 0) % FLOWS;
      const record = (item === Item.FLOW ? flowRecord : expectationRecord)(n, body[1] ?? 0);
      const change = ([Change.NEW, Change.UPDATE, Change.DESTROY] as const)[(argument >> 1) % 3]!;
      const origin = ([Origin.OTHER, Origin.OTHER, Origin.COMMIT, Origin.INJECT] as const)[
        (argument >> 3) % 4
      ]!;
      replica.handleKernelChange(item, change, origin, record, record.length, node.now);
      break;
    }
    case Piece.TIME:
      node.pass(argument * 50);
      break;
    case Piece.TRANSMIT:
      node.transmit(1 + argument);
      break;
    case Piece.ANSWER: {
      const last = node.upcoming - 1 - ((body[0] ?? 0) & 31);
      const first = last - ((body[1] ?? 0) & 63);
      const say = argument & 1 ? ack : nack;
      const sequence = (body[2] ?? 0) + 256 * (argument >> 1);
      const message = say(sequence, first >>> 0, last >>> 0, argument & 2 ? 32 : 0);
      replica.handleDatagram(0, message, 0, message.length, node.now);
      break;
    }
    case Piece.COMMAND:
      command(node, argument);
  }
  for (const event of engine.pollEvents())
    ensure(typeof event.kind === 'string', () => 'an event without kind');
}

function command(node: Node, argument: number): void {
  const { replica, engine } = node;
  const item = argument & 8 ? Item.EXPECTATION : Item.FLOW;
  switch (argument & 7) {
    case 0:
      engine.sendBulk();
      break;
    case 1:
      engine.requestResync();
      break;
    case 2:
      replica.flushInternal(item);
      break;
    case 3:
      (item === Item.FLOW ? node.external.flows : node.external.expectations).flush();
      break;
    case 4: {
      const { table } = item === Item.FLOW ? node.internal.flows : node.internal.expectations;
      if (table.slots > 0) replica.purge(item, (argument >> 4) % table.slots);
      break;
    }
    default: {
      const record = (item === Item.FLOW ? flowRecord : expectationRecord)((argument >> 4) % FLOWS, argument);
      replica.populate(item, record, record.length, node.now);
    }
  }
}

/** Every refusal is counted, once, as what it is. */
function checkCounters(node: Node, datagram: Uint8Array, before: ReceiveCounters, valid: boolean): void {
  const { counters } = node.replica;
  const expected: Record<keyof ReceiveCounters, number> = { ...before };
  let bad = 0;
  let anyValid = false;
  let next = 0;
  for (let at = 0; at < datagram.length; at += lengthAt(datagram, at)) {
    const fate = fateOf(datagram, at, datagram.length, node.mode);
    if (fate === 'truncated') expected.truncated++;
    else if (fate === 'bad size') expected.badSize++;
    else if (fate === 'bad version') expected.badVersion++;
    else if (fate === 'bad header') bad++;
    if (fate === 'truncated' || fate === 'bad size') break;
    if (fate === 'control' || fate === 'passed over') anyValid ||= node.mode !== 'ftfw';
    // An FT-FW engine may drop a data message for its number; the others let all of them through.
    const isLet = node.let[next] === at;
    if (isLet) next++;
    ensure(fate === 'data' || !isLet, () => `a message that is ${fate} is taken for data`);
    ensure(fate !== 'data' || isLet || node.mode === 'ftfw', () => 'a data message is passed over');
    if (!isLet) continue;
    anyValid = true;
    const type = datagram[at]! & 15;
    if (type > 5) expected.badType++;
    else if (!readers[type <= 2 ? 0 : 1]!.read(datagram, at + 8, at + lengthAt(datagram, at)))
      expected.badPayload++;
  }
  ensure(node.bad === bad, () => `${node.bad} messages have a bad header, expected ${bad}`);
  expected.badHeader += bad;
  expected.malformed = 0;
  for (const [name, count] of Object.entries(expected)) if (name !== 'malformed') expected.malformed += count;
  for (const name of Object.keys(expected) as (keyof ReceiveCounters)[]) {
    ensure(
      counters[name] === expected[name],
      () => `${name} is ${counters[name]}, expected ${expected[name]}`,
    );
  }
  ensure(valid || !anyValid, () => 'a datagram with a valid message counts as none');
}

function checkQueues(node: Node): void {
  const { engine, internal } = node;
  const { queues, counters } = engine;
  ensure(
    queues.resendLength <= node.resendLimit,
    () => `${queues.resendLength} messages are kept for resending`,
  );
  ensure(
    queues.controlNodes <= CONTROLS_WAITING_MAX + node.resendLimit,
    () => `${queues.controlNodes} control messages wait`,
  );
  const records = internal.flows.table.size + internal.expectations.table.size;
  ensure(
    queues.transmitLength + queues.resendLength <= records + queues.controlNodes,
    () => `${queues.transmitLength} messages wait, of ${records} records`,
  );
  let count = 0;
  let last = -1;
  for (let item = queues.firstResend(); item !== 0; item = queues.nextResend(item)) {
    const sequence = queues.sequenceOf(item);
    ensure(last < 0 || after(sequence, last), () => `the resend queue has ${sequence} behind ${last}`);
    last = sequence;
    count++;
  }
  ensure(count === queues.resendLength, () => `the resend queue has ${count} of ${queues.resendLength}`);
  for (const [name, value] of Object.entries(counters)) {
    ensure(Number.isInteger(value) && value >= 0, () => `${name} is ${value}`);
  }
  ensure(!Number.isNaN(engine.pollTimeout()), () => 'the next timeout is no number');
}

function checkCaches(node: Node): void {
  const { queues } = node.engine;
  let held = 0;
  for (const [item, cache] of [
    [Item.FLOW, node.internal.flows],
    [Item.EXPECTATION, node.internal.expectations],
  ] as const) {
    const { table } = cache;
    for (let slot = 0; slot < table.slots; slot++) {
      const state = table.stateOf(slot);
      const holder = cache.holderOf(slot);
      if (state === SlotState.FREE) {
        ensure(holder === 0, () => `a free slot is held by ${holder}`);
        continue;
      }
      if (holder !== 0) {
        held++;
        const same = queues.itemOf(holder) === item && queues.slotOf(holder) === slot;
        ensure(same, () => `slot ${slot} is held by a message of something else`);
      }
      ensure(
        state !== SlotState.DEAD || holder !== 0,
        () => 'a dead record that nobody holds stays for ever',
      );
    }
  }
  const messages = queues.transmitLength + queues.resendLength - queues.controlNodes;
  ensure(messages === held, () => `${messages} messages of records, and ${held} records are held`);
  for (const cache of [
    node.internal.flows,
    node.internal.expectations,
    node.external.flows,
    node.external.expectations,
  ]) {
    const { table, counters } = cache;
    let live = 0;
    let all = 0;
    for (let slot = 0; slot < table.slots; slot++) {
      const state = table.stateOf(slot);
      if (state === SlotState.FREE) continue;
      all++;
      if (state !== SlotState.DEAD) live++;
      const at = table.offsetOf(slot);
      const found = table.find(table.bytesOf(slot), at, at + table.sizeOf(slot));
      ensure(found === slot, () => `the record of slot ${slot} is found in ${found}`);
    }
    ensure(all === table.size && all <= node.limit, () => `${all} records, counted as ${table.size}`);
    ensure(live === counters.active, () => `${live} live records, counted as ${counters.active}`);
    for (const [name, value] of Object.entries(counters)) {
      ensure(Number.isInteger(value) && value >= 0, () => `${name} of a cache is ${value}`);
    }
  }
}

/** A story that makes sense for the most part: numbers that rise, gaps, repeats, restarts, the wrap. */
function program(random: Random, pool: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.from([random.u32(), random.u32(), random.u32(), random.u32()])];
  const numbers = new Uint32Array(4).map(() => (random.oneIn(3) ? 0xffff_fff0 : random.u32()));
  const piece = (kind: number, argument: number, body: Uint8Array = new Uint8Array(0)) => {
    parts.push(Uint8Array.from([kind, argument, body.length >> 8, body.length]), body);
  };
  const count = random.between(100, 400);
  for (let n = 0; n < count; n++) {
    const turn = random.below(16);
    if (turn < 7) {
      const sender = random.oneIn(20) ? random.below(70) : random.below(2);
      piece(Piece.DATAGRAM, sender, peerDatagram(random, pool, numbers, sender & 3));
    } else if (turn < 11) piece(Piece.EVENT, random.u32(), Uint8Array.from([random.u32(), random.u32()]));
    else if (turn === 11) piece(Piece.TIME, random.oneIn(4) ? random.below(80) : random.below(4));
    else if (turn < 14) piece(Piece.TRANSMIT, random.oneIn(4) ? random.below(4) : 200);
    else if (turn === 14) {
      piece(Piece.ANSWER, random.u32(), Uint8Array.from([random.u32(), random.u32(), random.u32()]));
    } else piece(Piece.COMMAND, random.u32());
  }
  return concat(...parts);
}

/** As many gaps as fit into a datagram: each asks for two answers. */
function gaps(sequence: number, count: number): Uint8Array {
  return concat(...Array.from({ length: count }, (_, n) => alive((sequence + 2 * n) >>> 0)));
}

function peerDatagram(
  random: Random,
  pool: readonly Uint8Array[],
  numbers: Uint32Array,
  sender: number,
): Uint8Array {
  const step = random.below(10);
  if (step === 0) numbers[sender]! += random.between(2, 400);
  else if (step === 1) numbers[sender]! -= random.between(1, 40);
  else if (random.oneIn(50)) numbers[sender] = random.u32();
  else numbers[sender]!++;
  const sequence = numbers[sender]!;
  const hello = random.oneIn(6) ? random.pick([32, 64, 96]) : 0;
  if (random.oneIn(400)) return gaps(sequence, 5000);
  switch (random.below(8)) {
    case 0:
      return alive(sequence, hello);
    case 1:
      return ack(sequence, random.u32(), random.u32(), hello);
    case 2:
      return nack(sequence, random.u32(), random.u32(), hello);
    case 3:
      return random.oneIn(4) ? resync(sequence, hello) : control(random.u32() & 0xff, sequence);
    case 4: {
      const known = Uint8Array.from(random.pick(pool));
      if (known.length >= 8) new DataView(known.buffer).setUint32(4, sequence);
      return known;
    }
    case 5:
      return data(
        3 + random.below(3),
        sequence,
        expectationRecord(random.below(FLOWS), random.below(256)),
        hello,
      );
    default:
      return data(random.below(3), sequence, flowRecord(random.below(FLOWS), random.below(256)), hello);
  }
}
