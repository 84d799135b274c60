import { Alarm } from '../../../src/sync/alarm.ts';
import {
  type InternalCaches,
  MessageResult,
  type SyncEngine,
  TransmitResult,
} from '../../../src/sync/engine.ts';
import { FtFw } from '../../../src/sync/ftfw/ftfw.ts';
import { NoTrack } from '../../../src/sync/notrack/notrack.ts';
import { Replica } from '../../../src/sync/replica.ts';
import { externalCaches, internalCaches } from '../../../src/table/caches.ts';
import { ExpiringCache } from '../../../src/table/expiring-cache.ts';
import type { ExternalCache } from '../../../src/table/external-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../../src/table/key.ts';
import { secondsOf } from '../../../src/table/seconds.ts';
import { Collector } from '../../../src/wire/collector.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../../../src/wire/record.ts';
import { Random } from '../../random.ts';
import { fateOf, lengthAt, type Mode, ReferenceReader } from '../reference.ts';
import { ensure, hashOf } from '../target.ts';

const PAYLOAD_LIMIT = 1472;

/** What the records of a data message are checked with: those of flows, and those of expectations. */
export const readers = [new ReferenceReader('flow'), new ReferenceReader('expectation')] as const;

/** A node with small limits and a kernel driven by the steps. */
export class EngineNode {
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
  badHeaders = 0;
  readonly accepted: number[] = [];
  readonly collector: Collector;

  /** Of everything that it has sent. */
  sentHash = 0;

  constructor(prefix: Uint8Array, fastPaths: boolean) {
    const [kind, queue, window, limit] = prefix as unknown as [number, number, number, number];
    this.mode = (['ftfw', 'notrack', 'alarm'] as const)[kind % 3]!;
    this.limit = 1 + (limit & 31);
    this.resendLimit = queue & 63;
    this.upcoming = kind & 0x80 ? (0xffff_fff0 + (kind & 15)) >>> 0 : 1000;
    this.internal = internalCaches(this.limit, 1, fastPaths);
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
          ? new NoTrack(
              this.internal,
              { initialSequence, bulkFromKernel: false, random: chance(window), fastPaths },
              this.now,
            )
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
            flows: new ExpiringCache(FLOW_FORMAT, new FlowKeyer(2), this.limit, 5, seconds, fastPaths),
            expectations: new ExpiringCache(
              EXPECTATION_FORMAT,
              new ExpectationKeyer(2),
              this.limit,
              5,
              seconds,
              fastPaths,
            ),
          }
        : externalCaches(this.limit, 2, fastPaths);
    this.replica = new Replica(this.internal, this.external, this.engine, fastPaths);
    this.collector = new Collector(PAYLOAD_LIMIT, (bytes, length) => this.sent(bytes, length));
  }

  /** A datagram went out: what it may be, and in what order. */
  private sent(bytes: Uint8Array, length: number): void {
    this.sentHash = hashOf(bytes, 0, length, this.sentHash);
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
    ensure(
      messages === 1 || length < PAYLOAD_LIMIT,
      () => `it sends ${messages} messages in ${length} bytes`,
    );
  }

  transmit(budget: number): void {
    this.transmission = this.engine.pollTransmit(this.collector, this.now, budget);
  }

  advance(milliseconds: number): void {
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

function chance(seed: number): () => number {
  const random = Random.forStream(seed);
  return () => random.u32() / 0x1_0000_0000;
}

/** The engine, with an eye on what it makes of each message. */
function watched(engine: SyncEngine, node: EngineNode): SyncEngine {
  const handle = engine.handleMessage.bind(engine);
  engine.handleMessage = (sender, bytes, at, now) => {
    const result = handle(sender, bytes, at, now);
    if (result === MessageResult.MALFORMED) node.badHeaders++;
    if (result === MessageResult.DATA) node.accepted.push(at);
    return result;
  };
  return engine;
}
