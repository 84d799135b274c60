import type { Origin } from '../../flow/change.ts';
import type { Batch } from '../kernel.ts';

const BATCH_REQUESTS = 128;

export const RequestType = {
  CREATE: 0,
  UPDATE: 1,
  REMOVE: 2,
  PROBE: 3,
  CREATE_EXPECTATION: 4,
  REMOVE_EXPECTATION: 5,
  PROBE_EXPECTATION: 6,
} as const;
export type RequestType = (typeof RequestType)[keyof typeof RequestType];

/** Requests to be run, their records one after the other in one buffer. */
export class MemoryBatch implements Batch {
  readonly origin: Origin;
  bytes = new Uint8Array(16_384);
  private readonly kinds = new Uint8Array(BATCH_REQUESTS);
  private readonly timeouts = new Uint32Array(BATCH_REQUESTS);
  /** End offset of each record; the first one starts at 0. */
  private readonly ends = new Uint32Array(BATCH_REQUESTS);
  private count = 0;

  constructor(origin: Origin) {
    this.origin = origin;
  }

  get size(): number {
    return this.count;
  }

  get full(): boolean {
    return !this.hasRoomFor(1);
  }

  hasRoomFor(requests: number): boolean {
    return this.count + requests <= BATCH_REQUESTS;
  }

  kindOf(request: number): RequestType {
    return this.kinds[request] as RequestType;
  }

  /** Timeout of a request in seconds; 0 stands for the record's own. */
  timeoutOf(request: number): number {
    return this.timeouts[request]!;
  }

  startOf(request: number): number {
    return request === 0 ? 0 : this.ends[request - 1]!;
  }

  endOf(request: number): number {
    return this.ends[request]!;
  }

  create(bytes: Uint8Array, start: number, end: number, timeout: number, _liberal: boolean): void {
    this.push(RequestType.CREATE, bytes, start, end, timeout);
  }

  update(bytes: Uint8Array, start: number, end: number, timeout: number, _liberal: boolean): void {
    this.push(RequestType.UPDATE, bytes, start, end, timeout);
  }

  remove(bytes: Uint8Array, start: number, end: number): void {
    this.push(RequestType.REMOVE, bytes, start, end);
  }

  probe(bytes: Uint8Array, start: number, end: number): void {
    this.push(RequestType.PROBE, bytes, start, end);
  }

  createExpectation(bytes: Uint8Array, start: number, end: number, timeout: number): void {
    this.push(RequestType.CREATE_EXPECTATION, bytes, start, end, timeout);
  }

  removeExpectation(bytes: Uint8Array, start: number, end: number): void {
    this.push(RequestType.REMOVE_EXPECTATION, bytes, start, end);
  }

  probeExpectation(bytes: Uint8Array, start: number, end: number): void {
    this.push(RequestType.PROBE_EXPECTATION, bytes, start, end);
  }

  clear(): void {
    this.count = 0;
  }

  private push(kind: RequestType, bytes: Uint8Array, start: number, end: number, timeout = 0): void {
    if (this.full) throw new RangeError(`the batch is full (${this.count} requests)`);
    let to = this.startOf(this.count);
    if (to + end - start > this.bytes.length) {
      const larger = new Uint8Array(2 * this.bytes.length);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    for (let from = start; from < end; from++) this.bytes[to++] = bytes[from]!;
    this.kinds[this.count] = kind;
    this.timeouts[this.count] = timeout;
    this.ends[this.count++] = to;
  }
}
