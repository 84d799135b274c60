import { Change, Origin } from '../../src/flow/change.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Item } from '../../src/flow/item.ts';
import type { InternalCaches, SyncEngine, TransmitResult } from '../../src/sync/engine.ts';
import { type ExternalSinks, Replica } from '../../src/sync/replica.ts';
import { InternalCache } from '../../src/table/internal-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../src/table/key.ts';
import { Collector } from '../../src/wire/collector.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../../src/wire/record.ts';
import { describeMessage, type ParsedMessage, readMessages } from '../support/datagrams.ts';
import { record } from '../table/records.ts';

export interface ModeNodeOptions {
  /** HashLimit of each internal cache. */
  readonly limit?: number;
  readonly now?: number;
}

/** A node of any mode with its caches. The test plays its kernel, its links and its clock. */
export class ModeNode<Engine extends SyncEngine, External extends ExternalSinks> {
  readonly internal: InternalCaches;
  readonly external: External;
  readonly engine: Engine;
  readonly replica: Replica;
  now: number;
  /** The result of the last {@link emit}. */
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

  /** The kernel's table changes. */
  kernel(change: Change, bytes: Uint8Array, origin: Origin = Origin.OTHER, item: Item = Item.FLOW): void {
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

  /** Begins flows `from` to `from + count - 1`. */
  beginMany(count: number, from = 0): void {
    for (let n = from; n < from + count; n++) this.begin(n);
  }

  /** Transmits up to `budget` messages, and returns the datagrams. */
  emit(budget = Number.MAX_SAFE_INTEGER): Uint8Array[] {
    this.transmission = this.engine.pollTransmit(this.collector, this.now, budget);
    return this.sent();
  }

  /** The datagrams that were given to the link since the last call, an unfinished one included. */
  sent(): Uint8Array[] {
    this.collector.flush();
    const { datagrams } = this;
    this.datagrams = [];
    return datagrams;
  }

  /** Collects what the node sends. */
  get out(): Collector {
    return this.collector;
  }

  /** As {@link emit}, parsed. */
  transmit(budget = Number.MAX_SAFE_INTEGER): ParsedMessage[] {
    return this.emit(budget).flatMap(readMessages);
  }

  /** As {@link emit}, in short. */
  transmitBrief(budget = Number.MAX_SAFE_INTEGER): string[] {
    return this.transmit(budget).map(describeMessage);
  }

  /** A datagram arrives. Returns whether any of its messages was valid. */
  receive(datagram: Uint8Array, sender = 1): boolean {
    return this.replica.handleDatagram(sender, datagram, 0, datagram.length, this.now);
  }

  receiveAll(datagrams: readonly Uint8Array[], sender = 1): void {
    for (const datagram of datagrams) this.receive(datagram, sender);
  }

  /** Time passes, and the engine handles its timeouts as they fall due. What they queue waits for {@link emit}. */
  advance(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let due = this.engine.pollTimeout(); due <= end; due = this.engine.pollTimeout()) {
      this.now = Math.max(this.now, due);
      this.engine.handleTimeout(this.now);
    }
    this.now = end;
  }
}
