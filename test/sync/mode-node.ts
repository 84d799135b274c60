import { Change, Origin } from '../../src/flow/change.ts';
import type { Flow } from '../../src/flow/flow.ts';
import type { Item } from '../../src/flow/item.ts';
import type { InternalCaches, SyncEngine, TransmitResult } from '../../src/sync/engine.ts';
import { type ExternalSinks, Replica } from '../../src/sync/replica.ts';
import { InternalCache } from '../../src/table/internal-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../src/table/key.ts';
import { Collector } from '../../src/wire/collector.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../../src/wire/record.ts';
import { record } from '../table/records.ts';
import { brief, type Heard, parse } from './node.ts';

export interface ModeNodeOptions {
  /** HashLimit of each internal cache. */
  readonly limit?: number;
  readonly now?: number;
}

/** A node in a mode of the test's choice with its caches, without kernel or link: a test is both. */
export class ModeNode<Engine extends SyncEngine, External extends ExternalSinks> {
  readonly internal: InternalCaches;
  readonly external: External;
  readonly engine: Engine;
  readonly replica: Replica;
  now: number;
  /** What {@link emit} found at the end of its last run. */
  transmission: TransmitResult | undefined;
  private datagrams: Uint8Array[] = [];
  private readonly collector = new Collector(1472, (bytes, length) => {
    this.datagrams.push(bytes.slice(0, length));
  });

  constructor(
    engine: (caches: InternalCaches, now: number) => Engine,
    external: External,
    { limit = 1_000_000, now = 0 }: ModeNodeOptions = {},
  ) {
    this.now = now;
    this.internal = {
      flows: new InternalCache(FLOW_FORMAT, new FlowKeyer(1), limit),
      expectations: new InternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(1), limit),
    };
    this.external = external;
    this.engine = engine(this.internal, now);
    this.replica = new Replica(this.internal, external, this.engine);
  }

  /** A change of the kernel's table. */
  kernel(change: Change, bytes: Uint8Array, origin: Origin = Origin.OTHER, item: Item = 0): void {
    this.replica.handleKernelChange(item, change, origin, bytes, bytes.length, this.now);
  }

  begin(n: number, fields: Partial<Flow> = {}): void {
    this.kernel(Change.NEW, record(n, fields));
  }

  update(n: number, fields: Partial<Flow> = {}): void {
    this.kernel(Change.UPDATE, record(n, fields));
  }

  end(n: number): void {
    this.kernel(Change.DESTROY, record(n));
  }

  /** One run of the transmit queue: the datagrams. */
  emit(budget = Number.MAX_SAFE_INTEGER): Uint8Array[] {
    this.transmission = this.engine.pollTransmit(this.collector, this.now, budget);
    return this.sent();
  }

  /** What was given to the link since the last look, the datagram under way included. */
  sent(): Uint8Array[] {
    this.collector.flush();
    const { datagrams } = this;
    this.datagrams = [];
    return datagrams;
  }

  /** Where what bypasses the caches is written to. */
  get out(): Collector {
    return this.collector;
  }

  transmit(budget = Number.MAX_SAFE_INTEGER): Heard[] {
    return this.emit(budget).flatMap(parse);
  }

  say(budget = Number.MAX_SAFE_INTEGER): string[] {
    return this.transmit(budget).map(brief);
  }

  /** A datagram arrives; `false` if none of its messages was valid. */
  hear(datagram: Uint8Array, sender = 1): boolean {
    return this.replica.handleDatagram(sender, datagram, 0, datagram.length, this.now);
  }

  /** Time passes; the engine's timeouts in it are served as they fall due. What they bring waits for {@link emit}. */
  pass(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let due = this.engine.pollTimeout(); due <= end; due = this.engine.pollTimeout()) {
      this.now = Math.max(this.now, due);
      this.engine.handleTimeout(this.now);
    }
    this.now = end;
  }
}
