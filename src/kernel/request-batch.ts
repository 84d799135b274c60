import type { Origin } from '../flow/change.ts';
import { Places } from '../wire/places.ts';
import { WordsMemo } from '../wire/words.ts';
import type { Batch } from './kernel.ts';
import { clearFlag, Message, NetlinkWriter, NLM_F_ACK } from './netlink.ts';
import {
  putCreate,
  putCreateExpectation,
  putExpectationLookup,
  putFlowLookup,
  putFlushExpectations,
  putUpdate,
  REQUEST_MAX,
} from './request.ts';
import { RequestShape } from './request-shape.ts';

/** Requests in a batch. */
export const BATCH_REQUESTS = 128;
const BATCH_BYTES = 64 * 1024;

/** What batches have learnt, for all of them. */
const shapes = new Places<RequestShape>();

/**
 * A batch as ctnetlink's messages, with consecutive numbers by which the answers are told apart. Only the last one asks
 * for an answer: the kernel carries them out in order, and tells of what it refused in any case.
 */
export class RequestBatch implements Batch {
  readonly origin: Origin;
  readonly writer = new NetlinkWriter(BATCH_BYTES);
  private readonly reserveSequences: (count: number) => number;
  private first = 0;
  private count = 0;
  private readonly given = new WordsMemo();
  /** Where the last request begins. */
  private lastAt = 0;

  constructor(origin: Origin, reserveSequences: (count: number) => number) {
    this.origin = origin;
    this.reserveSequences = reserveSequences;
  }

  get size(): number {
    return this.count;
  }

  get full(): boolean {
    return this.count === BATCH_REQUESTS || this.writer.at > BATCH_BYTES - REQUEST_MAX;
  }

  get firstSequence(): number {
    return this.first;
  }

  private sequence(): number {
    if (this.full) throw new RangeError(`the batch is full (${this.count} requests)`);
    // Consecutive within the batch, also while another one is being filled.
    if (this.count === 0) this.first = this.reserveSequences(BATCH_REQUESTS);
    else clearFlag(this.writer.bytes, this.lastAt, NLM_F_ACK);
    this.lastAt = this.writer.at;
    return (this.first + this.count++) >>> 0;
  }

  create(bytes: Uint8Array, start: number, end: number, timeout: number, liberal: boolean): void {
    const sequence = this.sequence();
    const shape = timeout === 0 ? undefined : this.shapeOf(bytes, start, end, liberal);
    if (shape === undefined) putCreate(this.writer, sequence, bytes, start, end, timeout, liberal);
    else shape.put(this.writer, sequence, this.given.of(bytes), start >> 2, timeout);
  }

  private shapeOf(bytes: Uint8Array, start: number, end: number, liberal: boolean): RequestShape | undefined {
    const words = this.given.of(bytes);
    const size = end - start;
    if (((start | end) & 3) !== 0 || words.length === 0) return undefined;
    const shape = shapes.at(size);
    const fits = shape?.size === size && shape.liberal === liberal && shape.matches(words, start >> 2);
    if (fits) return shape;
    if (shapes.isDue(size)) shapes.learn(size, RequestShape.of(words, start, end, liberal));
    return undefined;
  }

  update(bytes: Uint8Array, start: number, end: number, timeout: number, liberal: boolean): void {
    putUpdate(this.writer, this.sequence(), bytes, start, end, timeout, liberal);
  }

  remove(bytes: Uint8Array, start: number, end: number): void {
    putFlowLookup(this.writer, Message.DELETE, this.sequence(), bytes, start, end);
  }

  probe(bytes: Uint8Array, start: number, end: number): void {
    putFlowLookup(this.writer, Message.GET, this.sequence(), bytes, start, end);
  }

  createExpectation(bytes: Uint8Array, start: number, end: number, timeout: number): void {
    putCreateExpectation(this.writer, this.sequence(), bytes, start, end, timeout);
  }

  removeExpectation(bytes: Uint8Array, start: number, end: number): void {
    putExpectationLookup(this.writer, Message.DELETE, this.sequence(), bytes, start, end);
  }

  probeExpectation(bytes: Uint8Array, start: number, end: number): void {
    putExpectationLookup(this.writer, Message.GET, this.sequence(), bytes, start, end);
  }

  flushExpectations(): void {
    putFlushExpectations(this.writer, this.sequence());
  }

  clear(): void {
    this.writer.at = 0;
    this.count = 0;
  }
}
