/**
 * Measures what one flow event costs in the in-memory kernel: the call on the traffic side, and `readEvents`, which passes
 * the record to a sink. Run it with
 *
 *     npm run build && node dist/bench/micro/memory-kernel.js
 *
 * Prints the median of the rounds in microseconds per event, for tables of 1,000 and 10,000 flows in steady churn: as many
 * flows begin as end. `churn` is the mean of the three events of each flow, one of each in turn: a flow begins, one becomes
 * established, the oldest one ends. `idle` is an `advance` without any timeout; `begin NAT` is a `begin` with source NAT.
 */

import { writeU16, writeU32 } from '../../src/bytes/integers.ts';
import { Status } from '../../src/flow/status.ts';
import { type KernelSink, ReadResult } from '../../src/kernel/kernel.ts';
import { MemoryKernel } from '../../src/kernel/memory/memory-kernel.ts';
import { Attr, TLV_HEADER } from '../../src/wire/attribute.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { findAttribute } from '../../src/wire/record.ts';
import { median } from '../statistics.ts';

const ROUNDS = 300;
/** Flows that begin, change and end in a round. */
const CHURN = 200;
/** Seconds. */
const TIMEOUT = 3600;
const ESTABLISHED = 3;

/** A record that becomes the record of any of 2^32 flows when a few of its bytes change. */
class Template {
  readonly bytes: Uint8Array;
  private readonly source: number;
  private readonly port: number;

  constructor(translated: boolean) {
    this.bytes = encodeFlow({
      original: {
        family: 4,
        source: '10.0.0.0',
        destination: '198.51.100.1',
        protocol: 6,
        ports: { source: 0, destination: 80 },
      },
      status: Status.CONFIRMED,
      tcp: { state: 1 },
      ...(translated ? { sourceNat: { address: '203.0.113.1' } } : {}),
    });
    this.source = findAttribute(this.bytes, 0, this.bytes.length, Attr.IPV4) + TLV_HEADER;
    this.port = findAttribute(this.bytes, 0, this.bytes.length, Attr.PORT) + TLV_HEADER;
  }

  /** The record of flow `n`. */
  of(n: number): Uint8Array {
    writeU32(this.bytes, this.source, 0x0a00_0000 + (n >>> 15));
    writeU16(this.bytes, this.port, 1024 + (n & 0x7fff));
    return this.bytes;
  }
}

class Counting implements KernelSink {
  bytes = 0;
  flow(_change: number, _origin: number, _bytes: Uint8Array, length: number): void {
    this.bytes += length;
  }
  expectation(): void {}
  traffic(): void {}
}

/** The flows of a table, oldest first. */
class Churn {
  private readonly kernel = new MemoryKernel({ timeout: true, windowScale: false });
  private readonly sink = new Counting();
  private readonly plain = new Template(false);
  private readonly translated = new Template(true);
  private handles: number[] = [];
  private flows = 0;
  private clock = 0;
  private readonly times = new Map<string, number[]>();

  constructor(size: number) {
    for (let n = 0; n < size; n++) this.begin(this.plain);
    while (this.kernel.readEvents(this.sink, 1000) === ReadResult.MORE);
  }

  medians(): Map<string, number> {
    for (let round = 0; round < ROUNDS; round++) this.round();
    return new Map([...this.times].map(([name, times]) => [name, median(times)]));
  }

  private begin(template: Template): void {
    const bytes = template.of(this.flows++);
    const handle = this.kernel.begin(bytes, 0, bytes.length, TIMEOUT);
    if (handle < 0) throw new Error(`errno ${-handle}`);
    this.handles.push(handle);
  }

  private round(): void {
    const { kernel, handles } = this;
    const first = handles.length;
    this.time('begin', () => this.begin(this.plain));
    this.time('begin NAT', () => this.begin(this.translated));
    const seen = Status.SEEN_REPLY | Status.ASSURED;
    this.time('setTcpState', (n) => kernel.setTcpState(handles[first + n]!, ESTABLISHED, seen, TIMEOUT));
    this.time('end', (n) => kernel.end(handles[n]!));
    // The next flows time out one after the other, a millisecond apart.
    for (let n = 0; n < CHURN; n++) kernel.setTcpState(handles[CHURN + n]!, 7, 0, (n + 1) / 1000);
    while (kernel.readEvents(this.sink, 1000) === ReadResult.MORE);
    this.time('timeout', () => kernel.advance(++this.clock));
    const clock = this.clock++;
    this.time('idle', (n) => kernel.advance(clock + n / 1024));
    handles.splice(0, 2 * CHURN);
    this.time('churn', (n) => this.turn(n), 3);
    handles.splice(0, CHURN);
  }

  /** Makes three events and leaves the last one unread. */
  private turn(n: number): void {
    const { kernel, handles, sink } = this;
    this.begin(this.plain);
    kernel.readEvents(sink, 100);
    kernel.setTcpState(handles.at(-1)!, ESTABLISHED, Status.SEEN_REPLY | Status.ASSURED, TIMEOUT);
    kernel.readEvents(sink, 100);
    kernel.end(handles[n]!);
  }

  /** Runs the action for each flow of the churn, with `events` events per flow, and reads the last event. */
  private time(name: string, act: (n: number) => void, events = 1): void {
    const began = process.hrtime.bigint();
    for (let n = 0; n < CHURN; n++) {
      act(n);
      this.kernel.readEvents(this.sink, 100);
    }
    const spent = Number(process.hrtime.bigint() - began) / 1000 / CHURN / events;
    const times = this.times.get(name);
    if (times === undefined) this.times.set(name, [spent]);
    else times.push(spent);
  }
}

for (const size of [1000, 10_000]) {
  const medians = new Churn(size).medians();
  const figures = [...medians].map(([name, value]) => `${name} ${value.toFixed(3)}`);
  console.log(`${size} flows, us an event: ${figures.join(', ')}`);
}
