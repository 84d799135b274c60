import { Change, Origin } from '../../src/flow/change.ts';
import type { Flow } from '../../src/flow/flow.ts';
import type { TransmitResult } from '../../src/sync/engine.ts';
import { FtFw } from '../../src/sync/ftfw/ftfw.ts';
import { Replica } from '../../src/sync/replica.ts';
import { ExternalCache } from '../../src/table/external-cache.ts';
import { InternalCache } from '../../src/table/internal-cache.ts';
import { ExpectationKeyer, FlowKeyer } from '../../src/table/key.ts';
import { type RecordTable, SlotState } from '../../src/table/record-table.ts';
import { Collector } from '../../src/wire/collector.ts';
import { Framing, frameAt } from '../../src/wire/datagram.ts';
import {
  carriesRange,
  Flag,
  flagsOf,
  HEADER_SIZE,
  lengthOf,
  rangeFromOf,
  rangeToOf,
  sequenceOf,
  typeOf,
} from '../../src/wire/header.ts';
import { EXPECTATION_FORMAT, FLOW_FORMAT } from '../../src/wire/record.ts';
import { record } from '../table/records.ts';

/** A message as a test reads it. */
export interface Heard {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** The range of an ACK, NACK or RESYNC. */
  readonly range?: readonly [from: number, to: number];
  /** The attributes of a data message, in hexadecimal. */
  readonly record?: string;
}

export function parse(datagram: Uint8Array): Heard[] {
  const messages: Heard[] = [];
  for (let at = 0; at < datagram.length; at += lengthOf(datagram, at)) {
    if (frameAt(datagram, at, datagram.length) !== Framing.MESSAGE)
      throw new Error(`no message at offset ${at}`);
    const type = typeOf(datagram, at);
    const flags = flagsOf(datagram, at);
    const header = { type, flags, sequence: sequenceOf(datagram, at) };
    if (carriesRange(type, flags)) {
      messages.push({ ...header, range: [rangeFromOf(datagram, at), rangeToOf(datagram, at)] });
    } else if (lengthOf(datagram, at) > HEADER_SIZE) {
      messages.push({
        ...header,
        record: hex(datagram.subarray(at + HEADER_SIZE, at + lengthOf(datagram, at))),
      });
    } else messages.push(header);
  }
  return messages;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** "ACK 5-9", "NEW 7": a message in short, its number left out, so that a test reads as a conversation. */
export function brief(message: Heard): string {
  const names = ['NEW', 'UPD', 'DEL', 'EXP NEW', 'EXP UPD', 'EXP DEL'];
  const { type, flags, range } = message;
  let text = names[type] ?? '';
  if (flags & Flag.ACK) text = 'ACK';
  else if (flags & Flag.NACK) text = 'NACK';
  else if (flags & Flag.RESYNC) text = 'RESYNC';
  else if (flags & Flag.ALIVE) text = 'ALIVE';
  if (range && !(flags & Flag.RESYNC)) text += ` ${range[0]}-${range[1]}`;
  if (flags & Flag.HELLO) text += ' HELLO';
  if (flags & Flag.HELLO_BACK) text += ' HELLO_BACK';
  return text;
}

/** The live records of a table, in hexadecimal and in order. */
export function liveRecords(table: RecordTable): string[] {
  const records: string[] = [];
  for (let slot = 0; slot < table.slots; slot++) {
    const state = table.stateOf(slot);
    if (state === SlotState.FREE || state === SlotState.DEAD) continue;
    const at = table.offsetOf(slot);
    records.push(hex(table.bytesOf(slot).subarray(at, at + table.sizeOf(slot))));
  }
  return records.sort();
}

export interface NodeOptions {
  readonly resendQueueSize?: number;
  readonly ackWindowSize?: number;
  /** The first sequence number. */
  readonly first?: number;
  readonly limit?: number;
  readonly now?: number;
}

/** An FT-FW node with its caches, without kernel or link: a test is both. */
export class Node {
  readonly flows: InternalCache;
  readonly expectations: InternalCache;
  readonly externalFlows: ExternalCache;
  readonly externalExpectations: ExternalCache;
  readonly engine: FtFw;
  readonly replica: Replica;
  now: number;
  /** What {@link transmit} found at the end of its last run. */
  transmission: TransmitResult | undefined;
  private datagrams: Uint8Array[] = [];
  private readonly collector = new Collector(1472, (bytes, length) => {
    this.datagrams.push(bytes.slice(0, length));
  });

  constructor({
    resendQueueSize = 131_072,
    ackWindowSize = 300,
    first = 1000,
    limit = 1_000_000,
    now = 0,
  }: NodeOptions = {}) {
    this.now = now;
    this.flows = new InternalCache(FLOW_FORMAT, new FlowKeyer(1), limit);
    this.expectations = new InternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(1), limit);
    this.externalFlows = new ExternalCache(FLOW_FORMAT, new FlowKeyer(2), limit);
    this.externalExpectations = new ExternalCache(EXPECTATION_FORMAT, new ExpectationKeyer(2), limit);
    const internal = { flows: this.flows, expectations: this.expectations };
    this.engine = new FtFw(internal, { resendQueueSize, ackWindowSize, initialSequence: first }, now);
    const external = { flows: this.externalFlows, expectations: this.externalExpectations };
    this.replica = new Replica(internal, external, this.engine);
  }

  /** A change of the kernel's table. */
  kernel(change: Change, bytes: Uint8Array, origin: Origin = Origin.OTHER): void {
    this.replica.handleKernelChange(0, change, origin, bytes, bytes.length, this.now);
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

  /** One run of the transmit queue: the datagrams. */
  emit(budget = Number.MAX_SAFE_INTEGER): Uint8Array[] {
    this.transmission = this.engine.pollTransmit(this.collector, this.now, budget);
    const { datagrams } = this;
    this.datagrams = [];
    return datagrams;
  }

  /** The same, as messages. */
  transmit(budget = Number.MAX_SAFE_INTEGER): Heard[] {
    return this.emit(budget).flatMap(parse);
  }

  /** The same in short. */
  say(): string[] {
    return this.transmit().map(brief);
  }

  /** A datagram arrives; `false` if none of its messages was valid. */
  hear(datagram: Uint8Array, sender = 1): boolean {
    return this.replica.handleDatagram(sender, datagram, 0, datagram.length, this.now);
  }

  hearAll(datagrams: readonly Uint8Array[], sender = 1): void {
    for (const datagram of datagrams) this.hear(datagram, sender);
  }

  /** Time passes; the engine's timeouts in it are served as they fall due. What they bring waits for {@link transmit}. */
  pass(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let due = this.engine.pollTimeout(); due <= end; due = this.engine.pollTimeout()) {
      this.now = Math.max(this.now, due);
      this.engine.handleTimeout(this.now);
    }
    this.now = end;
  }
}
