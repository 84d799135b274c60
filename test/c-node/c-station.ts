import { C_DEFAULTS, type Cache, CNode, type CNodeOptions } from '../../sim/c-node/node.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { Status } from '../../src/flow/status.ts';
import { MemoryKernel } from '../../src/kernel/memory/memory-kernel.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
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
import { DATA_TYPE_NAMES, messageOffsets } from '../support/datagrams.ts';

export const NEW = 0;
export const UPD = 1;
export const DEL = 2;

/** The node's clock, and so its first number. */
export const FIRST = 1_000_000;

/** UDP flow number `n`, which is also its source port. */
export function flow(n: number, more: Partial<Flow> = {}): Flow {
  return {
    original: {
      family: 4,
      source: '192.0.2.1',
      destination: '198.51.100.1',
      protocol: 17,
      ports: { source: n, destination: 53 },
    },
    ...more,
  };
}

/** The record of the same flow as a peer sends it. */
export function peerRecord(n: number, more: Partial<Flow> = {}): Uint8Array {
  return encodeFlow(flow(n, { status: Status.CONFIRMED, ...more }));
}

/** A C node of the model with a kernel in memory, and a clock that advances only in `passes`. */
export class CStation {
  readonly kernel: MemoryKernel;
  readonly node: CNode;
  /** Milliseconds. */
  now = 0;
  /** Messages sent since the last `takeSent`: `NEW 1`, `ACK 5..7`, `DEL 2 +HELLO`, ... */
  private sent: string[] = [];
  /** The number of the message that it sent last. */
  lastNumber = 0;
  /** Sizes in bytes of the datagrams that it sent. */
  readonly datagrams: number[] = [];

  /** @param before numbers of flows that are in the kernel when the node starts */
  constructor(options: Partial<CNodeOptions> = {}, before: readonly number[] = [], random = () => 0) {
    const all = { ...C_DEFAULTS, ...options };
    this.kernel = new MemoryKernel({
      timeout: all.commitTimeout === undefined,
      windowScale: all.tcpWindowTracking,
    });
    for (const n of before) this.begins(n);
    this.node = new CNode(this.kernel, all, FIRST, random, 0);
    this.node.start(0);
    this.turn();
  }

  // ---- What happens to it ----

  /** A datagram arrives. */
  receives(...messages: readonly Uint8Array[]): void {
    this.receivesWithoutTurn(...messages);
    this.turn();
  }

  /** A datagram arrives, and the node has not finished the turn. */
  receivesWithoutTurn(...messages: readonly Uint8Array[]): void {
    const bytes = Uint8Array.from(messages.flatMap((message) => [...message]));
    this.node.receive(bytes, 0, bytes.length, this.now);
  }

  command(request: number): void {
    this.node.command(request, this.now);
    this.turn();
  }

  begins(n: number, more: Partial<Flow> = {}): void {
    this.kernel.originate(flow(n, more), 600);
  }

  changes(n: number, change: Partial<Flow>): void {
    this.kernel.setState(flow(n).original, change);
  }

  ends(n: number): void {
    this.kernel.expire(flow(n).original);
  }

  /** The node reads its kernel's events, and sends what it has to send. */
  turn(): void {
    for (let more = true; more; ) {
      more = this.node.readEvents(this.now);
      this.transmit();
    }
  }

  /** Time goes on. */
  passes(milliseconds: number): void {
    const end = this.now + milliseconds;
    for (let due = this.node.nextTimeout(); due <= end; due = this.node.nextTimeout()) {
      this.now = Math.max(this.now, due);
      this.kernel.advance(this.now);
      this.node.handleTimeout(this.now);
      this.turn();
    }
    this.now = end;
    this.kernel.advance(end);
  }

  private transmit(): void {
    this.node.transmit((bytes, length) => {
      this.datagrams.push(length);
      for (const at of messageOffsets(bytes, length)) this.sent.push(this.describe(bytes, at));
    }, this.now);
  }

  private describe(bytes: Uint8Array, at: number): string {
    const flags = flagsOf(bytes, at);
    const type = typeOf(bytes, at);
    this.lastNumber = sequenceOf(bytes, at);
    const hello =
      ((flags & Flag.HELLO) !== 0 ? ' +HELLO' : '') + ((flags & Flag.HELLO_BACK) !== 0 ? ' +HELLO_BACK' : '');
    if (type > 5) {
      const name = Object.entries(Flag).find(([, bit]) => (flags & bit) !== 0)?.[0] ?? '?';
      const range = carriesRange(type, flags) ? ` ${rangeFromOf(bytes, at)}..${rangeToOf(bytes, at)}` : '';
      return `${name}${range}${hello}`;
    }
    const record = decodeFlow(bytes, at + HEADER_SIZE, at + lengthOf(bytes, at));
    return `${DATA_TYPE_NAMES[type]} ${record.original.ports?.source}${hello}`;
  }

  // ---- What it sends and holds ----

  /** Takes the messages sent since the last call. */
  takeSent(): string[] {
    return this.sent.splice(0);
  }

  /** The numbers of the flows in a cache, dead ones in brackets. */
  holds(which: 'internal' | 'external'): string[] {
    return held(this.node[which]!.flows);
  }

  /** A record of a cache, as people read it. */
  record(which: 'internal' | 'external', n: number): Flow | undefined {
    for (const { record } of this.node[which]!.flows) {
      const found = decodeFlow(record, 0, record.length);
      if (found.original.ports?.source === n) return found;
    }
    return undefined;
  }
}

function held(cache: Cache): string[] {
  return [...cache]
    .map(({ record, life }) => {
      const n = decodeFlow(record, 0, record.length).original.ports?.source;
      return life === 2 ? `(${n})` : `${n}`;
    })
    .sort();
}

/** A node after the handshake with its peer, whose next number is 1001, with nothing left to send. */
export function afterHandshake(
  options: Partial<CNodeOptions> = {},
  before: readonly number[] = [],
): CStation {
  const station = new CStation({ commitTimeout: 600, ...options }, before);
  station.passes(1000);
  station.receives(hello(1000));
  station.passes(1000);
  station.receives(forgetAll(1001));
  station.passes(1000);
  station.takeSent();
  return station;
}

function hello(sequence: number): Uint8Array {
  return Uint8Array.of(0x1a, Flag.ALIVE | Flag.HELLO | Flag.HELLO_BACK, 0, 8, ...word(sequence));
}

function forgetAll(sequence: number): Uint8Array {
  return Uint8Array.of(
    0x1a,
    Flag.ACK,
    0,
    16,
    ...word(sequence),
    ...word(FIRST - 1000),
    ...word(FIRST + 100_000),
  );
}

const word = (value: number) => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
