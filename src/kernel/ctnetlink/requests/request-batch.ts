import { WordsCache } from '../../../bytes/words.ts';
import type { Origin } from '../../../flow/change.ts';
import { clearFlag, NetlinkWriter, NLM_F_ACK } from '../../../system/netlink.ts';
import { CtnetlinkMessage } from '../../codec/ctnetlink-numbers.ts';
import {
  putCreateExpectation,
  putExpectationLookup,
  putFlushExpectations,
} from '../../codec/expectation-request.ts';
import { REQUEST_MAX } from '../../codec/request-tuple.ts';
import { FlowRequests } from '../../codec/templated-request.ts';
import type { Batch } from '../../kernel.ts';

/**
 * Requests of one batch. A commit of many flows takes longer with fewer: each batch costs a turn of the loop, and after the kernel's
 * work the code that builds the next one is no longer in the processor's caches. 512 creates take the kernel some 1 to 2 ms.
 */
export const BATCH_REQUESTS = 512;
/** Bytes of one batch. A socket must have a send buffer of more than that. */
export const BATCH_BYTES = 128 * 1024;

/**
 * A batch encoded as ctnetlink messages with consecutive sequence numbers, which match answers to requests.
 * Only the last request has NLM_F_ACK: the kernel processes requests in order, and reports every error
 * anyway.
 */
export class RequestBatch implements Batch {
  readonly origin: Origin;
  readonly writer: NetlinkWriter;
  private readonly reserveSequences: (count: number) => number;
  private first = 0;
  private count = 0;
  private readonly requests: FlowRequests;
  private readonly wordsCache: WordsCache;
  private lastAt = 0;

  /**
   * @param requests templates that all batches of one kernel share
   * @param room for the messages: {@link BATCH_BYTES}, or as many bytes of the caller's
   */
  constructor(
    origin: Origin,
    reserveSequences: (count: number) => number,
    requests = new FlowRequests(),
    room: number | Uint8Array = BATCH_BYTES,
  ) {
    this.requests = requests;
    this.writer = new NetlinkWriter(room, requests.fastPaths);
    this.wordsCache = new WordsCache(requests.fastPaths);
    this.origin = origin;
    this.reserveSequences = reserveSequences;
  }

  get size(): number {
    return this.count;
  }

  get full(): boolean {
    return !this.hasRoomFor(1);
  }

  hasRoomFor(requests: number): boolean {
    return this.count + requests <= BATCH_REQUESTS && this.writer.at + requests * REQUEST_MAX <= BATCH_BYTES;
  }

  get firstSequence(): number {
    return this.first;
  }

  private sequence(): number {
    if (this.full) throw new RangeError(`the batch is full (${this.count} requests)`);
    // Reserves the whole range, so that the numbers stay consecutive while another batch is being filled.
    if (this.count === 0) this.first = this.reserveSequences(BATCH_REQUESTS);
    else clearFlag(this.writer.bytes, this.lastAt, NLM_F_ACK);
    this.lastAt = this.writer.at;
    return (this.first + this.count++) >>> 0;
  }

  create(bytes: Uint8Array, start: number, end: number, timeout: number, liberal: boolean): void {
    const { writer, wordsCache } = this;
    this.requests.create
      .of(timeout, liberal)
      .put(writer, this.sequence(), bytes, wordsCache.of(bytes), start, end, timeout);
  }

  update(bytes: Uint8Array, start: number, end: number, timeout: number, liberal: boolean): void {
    const { writer, wordsCache } = this;
    this.requests.update
      .of(timeout, liberal)
      .put(writer, this.sequence(), bytes, wordsCache.of(bytes), start, end, timeout);
  }

  remove(bytes: Uint8Array, start: number, end: number): void {
    this.requests.remove.put(this.writer, this.sequence(), bytes, this.wordsCache.of(bytes), start, end, 0);
  }

  probe(bytes: Uint8Array, start: number, end: number): void {
    this.requests.probe.put(this.writer, this.sequence(), bytes, this.wordsCache.of(bytes), start, end, 0);
  }

  createExpectation(bytes: Uint8Array, start: number, end: number, timeout: number): void {
    putCreateExpectation(this.writer, this.sequence(), bytes, start, end, timeout);
  }

  removeExpectation(bytes: Uint8Array, start: number, end: number): void {
    putExpectationLookup(this.writer, CtnetlinkMessage.DELETE, this.sequence(), bytes, start, end);
  }

  probeExpectation(bytes: Uint8Array, start: number, end: number): void {
    putExpectationLookup(this.writer, CtnetlinkMessage.GET, this.sequence(), bytes, start, end);
  }

  flushExpectations(): void {
    putFlushExpectations(this.writer, this.sequence());
  }

  clear(): void {
    this.writer.at = 0;
    this.count = 0;
  }
}
