import type { MemoryKernel } from '../../src/kernel/memory/memory-kernel.ts';
import type { NodeOptions } from './options.ts';
import type { Process } from './process.ts';
import type { Records, TableRecords } from './records.ts';

/** The wires that a daemon sends on. */
export interface DaemonWires {
  /** Maximum payload of a datagram, in bytes. */
  readonly payloadLimit: number;
  readonly count: number;
  send(wire: number, bytes: Uint8Array, length: number): void;
}

/** What a daemon needs to start. */
export interface DaemonContext {
  readonly kernel: MemoryKernel;
  readonly wires: DaemonWires;
  readonly process: Process;
  readonly options: NodeOptions;
  /** Called with each line of its log. */
  log(line: string): void;
  /** Called with an error that it did not catch: a crash. */
  crashed(error: unknown): void;
  /** Called with the records that the daemon drops because it takes them for dead. */
  droppedDead(records: TableRecords): void;
}

/** Counters of what a daemon lost at a limit, and what only a resync restores. */
export interface Losses {
  /** Messages evicted from the resend queue before they were acknowledged. */
  readonly evicted: number;
  /** Records refused because an internal cache was full. */
  readonly refusedInternal: number;
  /** The same of the external caches. */
  readonly refusedExternal: number;
  /** Whether its internal cache may lack what its kernel has, or have more, and stay so. */
  readonly mayHaveForgotten: boolean;
  /** Malformed messages received. */
  readonly malformed: number;
}

/** A replication daemon on a simulated firewall, ours or the model of C's. */
export interface Daemon {
  start(): void;
  /**
   * A datagram arrived on a wire.
   * @param sender the number that the link gives to the node which sent it
   * @param incarnation identifies the process of the sending node; only checks use it
   */
  receive(wire: number, sender: number, incarnation: number, datagram: Uint8Array): void;
  /** All datagrams that were waiting have been delivered. */
  drained(): void;
  interfaceChanged(wire: number, up: boolean): void;
  /** Executes a request of the control socket (`src/control/codes.ts`). Resolves when the client would end. */
  request(code: number): Promise<void>;
  close(): void;

  /** The live records of its caches. */
  internal(): TableRecords;
  /** Those of its internal cache that are there since before this virtual second. */
  internalBefore(second: number): TableRecords;
  /** Where there is no external cache, the records of the kernel. */
  external(): TableRecords;
  readonly losses: Losses;
  /** Live flows whose last state its peer has acknowledged. */
  acknowledged(): Records;
  /** How often the flows that a peer said it has were those of the external cache, and how often not. */
  readonly comparisons: { readonly equal: number; readonly different: number };
  /** Messages waiting to be sent, and records that nobody has acknowledged. */
  readonly unacknowledged: number;
  /** True while sequence numbers may have been damaged on the wire: checks conclude nothing from them. */
  numbersDoubtful: boolean;
  /** What the daemon says it misses of its peers; undefined if that is nothing, or if it says nothing of that. */
  readonly missing: string | undefined;
  /** Runs the cheap checks. @throws Violation */
  checkQuickly(): void;
  /** Runs all checks. @throws Violation */
  checkThoroughly(): void;
}
