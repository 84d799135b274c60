import { afterEach, beforeEach, expect, vi } from 'vitest';
import { PROCESS_RUNTIME, type Runtime } from '../../src/daemon/common/runtime.ts';
import { Log } from '../../src/daemon/process/log.ts';
import { NodeCommands } from '../../src/daemon/sync/node-commands.ts';
import { SyncNode, type SyncNodeOptions } from '../../src/daemon/sync/sync-node.ts';
import type { Flow } from '../../src/flow/flow.ts';
import { MemoryKernel, type MemoryKernelOptions } from '../../src/kernel/memory/memory-kernel.ts';
import { type RecordTable, SlotState } from '../../src/table/record-table.ts';
import { decodeFlow } from '../../src/wire/decode.ts';
import { describeMessage, type ParsedMessage, readMessages } from '../support/datagrams.ts';
import { SYNC_NODE_OPTIONS } from '../support/node-options.ts';
import { flow, record } from '../table/records.ts';

/** The process's, with the clock that vitest sets. */
const STATION_RUNTIME: Runtime = { ...PROCESS_RUNTIME, now: () => Math.trunc(performance.now()) };

/**
 * A whole node on a kernel in memory, whose link is in the test's hands. Time is vitest's: a test that uses stations calls
 * `vi.useFakeTimers()` before it makes one.
 */
export class Station {
  readonly kernel: MemoryKernel;
  readonly node: SyncNode;
  commands: NodeCommands;
  /** What was logged, "[priority] text". */
  readonly lines: string[] = [];
  /** Links that the node marked as current, because a valid message came on them. */
  readonly markedCurrent: number[] = [];
  /** Takes what is sent, instead of {@link sent}. */
  wire: ((datagram: Uint8Array) => void) | undefined;
  private datagrams: Uint8Array[] = [];
  private sequence = 1;

  constructor(options: Partial<SyncNodeOptions> = {}, kernel: Partial<MemoryKernelOptions> = {}) {
    const all = { ...SYNC_NODE_OPTIONS, ...options };
    this.kernel = new MemoryKernel({
      timeout: false,
      windowScale: false,
      expectations: all.expectationSync !== false,
      ...kernel,
    });
    const log = new Log(
      (_, line) => this.lines.push(line.replace(/^.*\(pid=\d+\) (.*)\n$/s, '$1')),
      undefined,
      undefined,
    );
    const links = {
      payloadLimit: 1472,
      congested: false,
      send: (bytes: Uint8Array, length: number) => {
        const datagram = bytes.slice(0, length);
        if (this.wire) this.wire(datagram);
        else this.datagrams.push(datagram);
      },
      flush: () => {},
      markCurrent: (link: number) => this.markedCurrent.push(link),
    };
    this.node = new SyncNode(this.kernel, links, log, all, STATION_RUNTIME);
    this.commands = new NodeCommands(this.node);
  }

  /** Starts the node and drops what it sends at first. */
  async start(startupResync = false): Promise<this> {
    const started = this.node.start(startupResync);
    await soon();
    await started;
    return this;
  }

  close(): void {
    this.commands.close();
    this.node.close();
  }

  /** What was sent since the last call. */
  sent(): ParsedMessage[] {
    const { datagrams } = this;
    this.datagrams = [];
    return datagrams.flatMap(readMessages);
  }

  /** The data messages among it in short: "NEW 3" is flow number 3. */
  sentRecords(): string[] {
    return this.sent()
      .filter(({ record: bytes }) => bytes !== undefined)
      .map((message) => `${describeMessage({ ...message, flags: 0 })} ${numberOf(message.record!)}`);
  }

  /** Receives a peer's message under the next sequence number. */
  receive(message: (sequence: number) => Uint8Array, link = 0): void {
    const datagram = message(this.sequence++);
    this.receiveDatagram(datagram, link);
  }

  receiveDatagram(datagram: Uint8Array, link = 0): void {
    this.node.handleDatagram(link, 1, datagram, 0, datagram.length);
    this.node.handleDrained();
  }

  /** Takes the lines of the log since the last call. */
  logged(): string[] {
    return this.lines.splice(0);
  }

  /** Flow `n` begins in the kernel. */
  begins(n: number, fields: Partial<Flow> = {}): void {
    const errno = this.kernel.originate(flow(n, fields), 600);
    if (errno !== 0) throw new Error(`flow ${n} did not begin: errno ${errno}`);
  }

  ends(n: number): void {
    if (!this.kernel.expire(flow(n).original)) throw new Error(`there is no flow ${n}`);
  }

  /** Drops the pending events, so that the node never reads them. */
  forgetEvents(): void {
    this.kernel.readEvents({ flow: () => {}, expectation: () => {}, traffic: () => {} }, 1_000_000);
  }

  flowOf(n: number): Flow {
    return flow(n);
  }

  /** The mark that a cache has of flow `n`. */
  markOf(n: number, table: RecordTable): number | undefined {
    const slot = table.find(record(n), 0, record(n).length);
    const start = table.offsetOf(slot);
    return decodeFlow(table.bytesOf(slot), start, start + table.sizeOf(slot)).mark;
  }

  /** True if flow `n` is in the kernel's table. */
  has(n: number): boolean {
    return this.kernel.lookup(flow(n).original) !== undefined;
  }

  /** Numbers of the live flows in a cache. */
  cached(side: 'internal' | 'external'): number[] {
    const { table } =
      side === 'internal' ? this.node.replica.internal.flows : this.node.external.caches!.flows;
    const found: number[] = [];
    for (let n = 0; n < 300; n++) {
      const slot = table.find(record(n), 0, record(n).length);
      if (slot >= 0 && table.stateOf(slot) !== SlotState.DEAD) found.push(n);
    }
    return found;
  }
}

/** The number of a flow, by its original source `10.x.y.z`. */
function numberOf(text: string): number {
  const at = text.indexOf('0a', 8);
  return Number.parseInt(text.slice(at + 2, at + 8), 16);
}

/** Runs all pending work: 50 ms pass. */
export async function soon(): Promise<void> {
  await vi.advanceTimersByTimeAsync(50);
}

export async function pass(seconds: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(seconds * 1000);
}

/** Joins two stations by a link that loses nothing. */
export function join(a: Station, b: Station): void {
  a.wire = (datagram) => setImmediate(() => b.receiveDatagram(datagram));
  b.wire = (datagram) => setImmediate(() => a.receiveDatagram(datagram));
}

/**
 * Fakes timers for each test of a file, and holds after each: no timer is left once its stations are closed, and no
 * rejection went unhandled. Returns what makes a station that is closed with its test.
 */
export function watchedStations(): (...options: ConstructorParameters<typeof Station>) => Station {
  let stations: Station[] = [];
  let unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown) => unhandled.push(reason);

  beforeEach(() => {
    vi.useFakeTimers();
    stations = [];
    unhandled = [];
    process.on('unhandledRejection', onUnhandled);
  });

  afterEach(async () => {
    for (const one of stations) one.close();
    await soon();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', onUnhandled);
    expect(unhandled).toEqual([]);
  });

  return (...options) => {
    const one = new Station(...options);
    stations.push(one);
    return one;
  };
}
