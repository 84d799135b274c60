import type { Change, Origin } from '../flow/change.ts';
import type { ProtocolTimeouts } from '../flow/offloaded.ts';

/**
 * The kernel's connection tracking table as this program uses it. Two implementations: `ctnetlink/ctnetlink.ts`, and a table in
 * memory that behaves like the kernel's, `memory/memory-kernel.ts`.
 *
 * The caller pulls: the kernel announces waiting events, and the caller reads as many as it wants. The only calls back
 * are those of the sink that the caller passes in.
 *
 * Flows and expectations are canonical records (`wire/record.ts`) in a buffer of the implementation, valid only during
 * the call.
 */

/** The traffic that an ended flow carried, where the kernel counts it (`nf_conntrack_acct`). */
export interface TrafficSink {
  /** The packets and bytes of the flow in the last call of `flow`, a DESTROY. */
  traffic(originalPackets: number, originalBytes: number, replyPackets: number, replyBytes: number): void;
  /**
   * When the flow in the last call of `flow`, a DESTROY or a dumped one, began and ended, where the kernel records it
   * (`nf_conntrack_timestamp`): whole seconds since 1970; `stop` is 0 for a flow that has not ended.
   */
  times?(start: number, stop: number): void;
}

export interface KernelSink extends TrafficSink {
  /** A flow's record is `bytes[0, length)`. For a dumped flow `change` is UPDATE. */
  flow(change: Change, origin: Origin, bytes: Uint8Array, length: number): void;
  expectation(change: Change, origin: Origin, bytes: Uint8Array, length: number): void;
  /** A dump begins again: all that it has given comes once more. Who counts its entries starts from 0. */
  restarted?(): void;
}

/** Result of one read of events. */
export const ReadResult = {
  /** No more events are waiting. */
  DRAINED: 0,
  /** The limit was reached; there may be more. */
  MORE: 1,
  /** Events were lost: the receive buffer was full (ENOBUFS). */
  OVERRUN: 2,
} as const;
export type ReadResult = (typeof ReadResult)[keyof typeof ReadResult];

/** A watch for events. The owner may pause it, so that more events can be read at a time. */
export interface EventWatch {
  /** Stops calling `ready` until `resume`. */
  pause(): void;
  resume(): void;
  close(): void;
}

/**
 * A running dump. It misses no entry that lives throughout: where the table changed underneath, it begins again, and says so
 * with {@link KernelSink.restarted}.
 */
export interface Dump {
  /**
   * Passes the entries of one read to `sink`. Returns whether the dump has ended.
   * @throws KernelError
   */
  step(sink: KernelSink): boolean;
  close(): void;
}

/**
 * Requests that are sent together. The kernel executes them in order and answers each. A batch is reused after it has
 * run.
 */
export interface Batch {
  /** Requests in the batch. */
  readonly size: number;
  /** True when a request of maximum size may no longer fit. */
  readonly full: boolean;
  /** Whether so many more requests of maximum size fit. */
  hasRoomFor(requests: number): boolean;
  /**
   * Adds a request that creates the flow `bytes[start, end)` with this timeout in seconds (0: the record's own; without
   * either, EINVAL), without IPS_EXPECTED; with `liberal`, TCP windows are not checked in either direction. Fails with
   * EEXIST if the flow exists.
   */
  create(bytes: Uint8Array, start: number, end: number, timeout: number, liberal: boolean): void;
  /** As `create` for an existing flow: without NAT, helper and master. Fails with ENOENT. */
  update(bytes: Uint8Array, start: number, end: number, timeout: number, liberal: boolean): void;
  /** Adds a request that removes the flow with this record's original tuple and zone. Fails with ENOENT. */
  remove(bytes: Uint8Array, start: number, end: number): void;
  /** Adds a request that asks whether the flow exists. Fails with ENOENT. */
  probe(bytes: Uint8Array, start: number, end: number): void;
  createExpectation(bytes: Uint8Array, start: number, end: number, timeout: number): void;
  removeExpectation(bytes: Uint8Array, start: number, end: number): void;
  probeExpectation(bytes: Uint8Array, start: number, end: number): void;
  clear(): void;
}

/**
 * Batches of one origin that the kernel executes in order, while the caller may fill the next one. Their answers are taken in that
 * order too.
 */
export interface BatchQueue {
  /** The batch to send next: empty after each `send`. It may not be filled while the queue {@link isFull}. */
  readonly batch: Batch;
  /** Batches that were sent and whose answers have not been taken. */
  readonly underway: number;
  /** Whether answers have to be taken before the next batch. */
  readonly isFull: boolean;
  /**
   * Sends {@link batch}, which is not empty.
   * @throws KernelError if the kernel takes it not at all
   */
  send(): void;
  /** Whether the kernel has answered the oldest batch under way. */
  readonly isAnswered: boolean;
  /**
   * The answers to the oldest batch under way, as of {@link Kernel.run}; waits for them. The array is valid until the next call.
   * @throws KernelError if the kernel did not answer
   */
  takeAnswers(): Int32Array;
  /** Waits for what is under way, and forgets it. */
  close(): void;
}

/** How dumps of the table went. */
export interface DumpCounters {
  /** Dumps during which the table changed underneath, so that an entry may have been left out. */
  interruptedDumps: number;
  /** Times that this happened again and again, so that an interrupted dump was taken as it was. */
  incompleteDumps: number;
}

export interface KernelCounters extends DumpCounters {
  /** Event messages of unknown type. */
  unknownEvents: number;
  /** Messages that could not be parsed. */
  malformed: number;
  /** Messages about flows of which one direction alone is in a zone. They are not replicated. */
  directionalZones: number;
  /** Flows whose helper name is too long for the wire, sent without it. */
  helperNamesDropped: number;
}

export function kernelCounters(): KernelCounters {
  return {
    interruptedDumps: 0,
    incompleteDumps: 0,
    unknownEvents: 0,
    malformed: 0,
    directionalZones: 0,
    helperNamesDropped: 0,
  };
}

/** How events of the kernel become records. */
export interface TranscodeOptions {
  /** Put TIMEOUT into the record: set where CommitTimeout is not. */
  readonly timeout: boolean;
  /** Put TCP_WSCALE_ORIG and TCP_WSCALE_REPL into the record: TCPWindowTracking. */
  readonly windowScale: boolean;
  /** False: leave LABELS out of the record. */
  readonly labels?: boolean;
  /** What the kernel's messages lack of flows that a flow table forwards; by default the kernel's defaults. */
  readonly timeouts?: ProtocolTimeouts;
  /** False: use no templates for messages and requests. True by default. */
  readonly fastPaths?: boolean;
}

export interface Kernel {
  readonly counters: KernelCounters;
  /** Size of the event receive buffer in bytes, as the kernel accounts it. */
  readonly eventBufferSize: number;
  /** Requests a larger event receive buffer. Returns the size in bytes that the kernel granted. */
  growEventBuffer(bytes: number): number;
  /** Calls `ready` when events are waiting, and again until they are read. */
  watchEvents(ready: () => void): EventWatch;
  /**
   * Subscribes to events of new flows (the default) or not; events of changes and ends always come. Without a subscriber
   * the kernel does not build them, and building them is most of the cost of a new flow.
   * @throws KernelError
   */
  subscribeNewFlows(subscribed: boolean): void;
  /**
   * Passes at most `limit` waiting events to `sink`. After OVERRUN, events that were not lost may still be waiting.
   * @throws KernelError
   */
  readEvents(sink: KernelSink, limit: number): ReadResult;
  /** Starts a dump of all flows, of every address family and zone. Only one dump of flows may run at a time. */
  dumpFlows(): Dump;
  /**
   * As {@link dumpFlows}, but only of unanswered flows (without IPS_SEEN_REPLY), which costs a tenth where they are few.
   * A kernel without CTA_STATUS_MASK dumps all flows.
   */
  dumpUnansweredFlows(): Dump;
  /**
   * As {@link dumpFlows}, but only of flows whose sequence numbers are shifted (IPS_SEQ_ADJUST), because a packet was rewritten
   * to another length. A kernel without CTA_STATUS_MASK dumps all flows.
   */
  dumpShiftedFlows(): Dump;
  dumpExpectations(): Dump;
  /** An empty batch whose events will carry `origin`. */
  batch(origin: Origin): Batch;
  /**
   * Executes the batch. Returns its answers: 0 or a positive errno for each request, in order. The array is valid until
   * the next call.
   * @throws KernelError if the kernel did not answer
   */
  run(batch: Batch): Int32Array;
  /**
   * An empty queue of batches whose events will carry {@link Origin.COMMIT}; the caller closes it. Only one may be open at a time.
   * @throws KernelError if the kernel was not opened for commits
   */
  openQueue(): BatchQueue;
  flushExpectations(): void;
  /**
   * Why a message was malformed, for the log: the first one since the last call, undefined if there was none. A kernel
   * that parses no messages does not implement it.
   */
  takeMalformedReason?(): string | undefined;
  close(): void;
}

/** The kernel rejects, or lacks, an operation as a whole. The message names the call and what to do. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  /** Positive errno, 0 where there is none. */
  readonly errno: number;

  constructor(message: string, errno = 0) {
    super(message);
    this.errno = errno;
  }
}
