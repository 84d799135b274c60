import type { Change, Origin } from '../flow/change.ts';
import type { ProtocolTimeouts } from '../flow/offloaded.ts';

/**
 * The kernel's connection tracking table as this program sees it. Two implementations: `ctnetlink/ctnetlink.ts`, and a table in
 * memory that behaves like the kernel's, `memory/memory-kernel.ts`.
 *
 * The caller pulls: the kernel announces that events wait, and the caller reads as many as it wants. Nothing
 * calls back into the caller but through the sink that the caller passes in.
 *
 * Flows and expectations pass as canonical records (`wire/record.ts`) in a buffer that belongs to the implementation and
 * is valid only during the call.
 */

/** The traffic that an ended flow carried, where the kernel counts it (`nf_conntrack_acct`). */
export interface TrafficSink {
  /** The packets and bytes of the flow that the sink was given last, by DESTROY. */
  traffic(originalPackets: number, originalBytes: number, replyPackets: number, replyBytes: number): void;
  /**
   * When the flow that the sink was given last, by DESTROY or in a dump, began and ended, where the kernel records it
   * (`nf_conntrack_timestamp`): whole seconds since 1970; `stop` is 0 for a flow that has not ended.
   */
  times?(start: number, stop: number): void;
}

export interface KernelSink extends TrafficSink {
  /** A flow's record is `bytes[0, length)`. For a dumped flow `change` is UPDATE. */
  flow(change: Change, origin: Origin, bytes: Uint8Array, length: number): void;
  expectation(change: Change, origin: Origin, bytes: Uint8Array, length: number): void;
}

/** What one read of events found. */
export const ReadResult = {
  /** Nothing more to read now. */
  DRAINED: 0,
  /** The limit was reached; there may be more. */
  MORE: 1,
  /** Events were lost: the receive buffer was full (ENOBUFS). */
  OVERRUN: 2,
} as const;
export type ReadResult = (typeof ReadResult)[keyof typeof ReadResult];

/** Waiting for events, which the owner may interrupt, so that more of them come at a time. */
export interface EventWatch {
  /** No calls until `resume`, however many events wait. */
  pause(): void;
  resume(): void;
  close(): void;
}

/** A dump under way. */
export interface Dump {
  /** True if the table changed underneath: what was dumped may lack an entry, or have one twice (NLM_F_DUMP_INTR). */
  readonly interrupted: boolean;
  /**
   * Gives some more entries to `sink`, as many as one read brings, and says whether the dump has ended.
   * @throws KernelError
   */
  step(sink: KernelSink): boolean;
  close(): void;
}

/**
 * Requests that travel together. They are carried out in order; each has its own answer. A batch is used again after
 * it has run.
 */
export interface Batch {
  /** Requests in the batch. */
  readonly size: number;
  /** True when no further request of the greatest size is sure to fit. */
  readonly full: boolean;
  /**
   * Adds a request that creates the flow `bytes[start, end)` with this timeout in seconds (0: the record's own; without
   * either, EINVAL), without IPS_EXPECTED; with `liberal`, TCP windows are not checked in either direction. Fails with
   * EEXIST if the flow is there.
   */
  create(bytes: Uint8Array, start: number, end: number, timeout: number, liberal: boolean): void;
  /** As `create` for a flow that is there: without NAT, helper and master. Fails with ENOENT. */
  update(bytes: Uint8Array, start: number, end: number, timeout: number, liberal: boolean): void;
  /** Adds a request that removes the flow with this record's original tuple and zone. Fails with ENOENT. */
  remove(bytes: Uint8Array, start: number, end: number): void;
  /** Adds a request that asks whether the flow is there. Fails with ENOENT. */
  probe(bytes: Uint8Array, start: number, end: number): void;
  createExpectation(bytes: Uint8Array, start: number, end: number, timeout: number): void;
  removeExpectation(bytes: Uint8Array, start: number, end: number): void;
  probeExpectation(bytes: Uint8Array, start: number, end: number): void;
  clear(): void;
}

/** How dumps of the table went. */
export interface DumpCounters {
  /** Dumps during which the table changed underneath, so that an entry may have been left out. */
  interruptedDumps: number;
  /** Times that this happened again and again, so that an interrupted dump was taken as it was. */
  incompleteDumps: number;
}

export interface KernelCounters extends DumpCounters {
  /** Event messages of a type that is not known. */
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

/** How the events of the kernel are turned into records. */
export interface TranscodeOptions {
  /** Put TIMEOUT into the record: set where CommitTimeout is not. */
  readonly timeout: boolean;
  /** Put TCP_WSCALE_ORIG and TCP_WSCALE_REPL into the record: TCPWindowTracking. */
  readonly windowScale: boolean;
  /** False: leave LABELS out of the record. */
  readonly labels?: boolean;
  /** What the kernel's messages lack of flows that a flow table forwards; the kernel's defaults where it is left out. */
  readonly timeouts?: ProtocolTimeouts;
  /** False: no message or request is made from a template. True where it is left out. */
  readonly fastPaths?: boolean;
}

export interface Kernel {
  readonly counters: KernelCounters;
  /** Size of the event receive buffer in bytes, as the kernel accounts it. */
  readonly eventBufferSize: number;
  /** Asks for a greater event receive buffer and returns the size in bytes that the kernel gave. */
  growEventBuffer(bytes: number): number;
  /** `ready` is called when events wait to be read, and again as long as they are not. */
  watchEvents(ready: () => void): EventWatch;
  /**
   * Turns events of new flows on (as they are at first) or off; events of changes and ends always come. Without a subscriber
   * the kernel does not build them, and building them is most of what it spends on a new flow.
   * @throws KernelError
   */
  subscribeNewFlows(heard: boolean): void;
  /**
   * Gives at most `limit` waiting events to `sink`. After OVERRUN there may be more to read: those that came through.
   * @throws KernelError
   */
  readEvents(sink: KernelSink, limit: number): ReadResult;
  /** Begins to dump all flows, of every address family and zone. One dump of a kind at a time. */
  dumpFlows(): Dump;
  /**
   * As {@link dumpFlows}, of those flows alone that no packet has answered (without IPS_SEEN_REPLY), which costs a tenth
   * of it where few are. A kernel that does not know CTA_STATUS_MASK dumps all.
   */
  dumpUnansweredFlows(): Dump;
  dumpExpectations(): Dump;
  /** An empty batch whose events will carry `origin`. */
  batch(origin: Origin): Batch;
  /**
   * Carries out the batch and returns its answers: 0 or a positive errno for each request, in order. The array is
   * valid until the next call.
   * @throws KernelError if the kernel did not answer
   */
  run(batch: Batch): Int32Array;
  flushExpectations(): void;
  /**
   * Which attribute of a malformed message was wrong, for the log: of the first message since the last call, undefined if there was none.
   * A kernel that parses no messages leaves it out.
   */
  takeMalformedReason?(): string | undefined;
  close(): void;
}

/** The kernel refused, or cannot do, something as a whole: names the call, and what to do about it. */
export class KernelError extends Error {
  override readonly name = 'KernelError';
  /** Positive errno, 0 where there is none. */
  readonly errno: number;

  constructor(message: string, errno = 0) {
    super(message);
    this.errno = errno;
  }
}
