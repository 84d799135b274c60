/**
 * A model of netfilter's conntrackd 1.4.7, for the simulator: what a C node does with what it receives, and when, its
 * faults included. It was written from docs/protocol.md and from watching the program; test/interop/c-model.test.ts
 * compares it with the program itself.
 *
 * It shares no code with our engine except the wire format.
 *
 * It leaves out several links and their change, TCP, filters, a commit in steps, records without a key and strings
 * without a NUL (C reads past their end), and messages longer than a datagram (C loops for ever).
 *
 * A turn of C's main loop handles commands, then datagrams, then events of the kernel; messages are sent at the start
 * of the next turn. For what happens at the same time, call `command`, `receive` and `readEvents` in that order, then
 * always `transmit`: it ends the turn. A C node sets its timers by the clock that it read at the end of the turn
 * before (`clock.ts`).
 */

import { Request } from '../../src/control/codes.ts';
import { type Change, Origin } from '../../src/flow/change.ts';
import { type Kernel, type KernelSink, ReadResult } from '../../src/kernel/kernel.ts';
import { AlarmMode, Expiry } from './alarm-mode.ts';
import { Bypass } from './bypass.ts';
import { type Cache, Cached } from './cache.ts';
import { Clock } from './clock.ts';
import { type CommitCount, commit } from './commit.ts';
import { ExternalCaches } from './external.ts';
import { Ftfw } from './ftfw.ts';
import { EXPECTATIONS, FLOWS, type Kind } from './identity.ts';
import { Inject } from './inject.ts';
import { InternalCaches } from './internal.ts';
import { dump, KernelRequests } from './kernel-requests.ts';
import type { Mode } from './mode.ts';
import { Notrack } from './notrack.ts';
import type { CNodeOptions } from './options.ts';
import { type Control, Outgoing, type Send } from './outgoing.ts';
import type { Caches, Parts } from './parts.ts';
import { Queue } from './queue.ts';
import { type ReceiveCounters, Receiver } from './receiver.ts';
import { SequenceSource, SequenceTracker } from './sequence.ts';
import { Timer, Timers } from './timers.ts';

export { type Cache, type CacheCounters, type Cached, Life } from './cache.ts';
export { C_DEFAULTS, type CNodeOptions } from './options.ts';

/** The kernel's part of the statistics, in words of `-s runtime`. */
export interface KernelSideCounters {
  /** events received */
  events: number;
  /** receive buffer overruns */
  overruns: number;
  /** kernel table resync */
  resyncs: number;
  /** kernel table flush */
  flushes: number;
}

/** Buckets that a commit handles in one step. */
const COMMIT_STEP = 8192;

export class CNode {
  readonly kernelSide: KernelSideCounters = { events: 0, overruns: 0, resyncs: 0, flushes: 0 };
  /** Of the last commit of flows, and of expectations. */
  lastCommit: { flows: CommitCount; expectations: CommitCount | undefined } | undefined;
  private readonly options: CNodeOptions;
  private readonly kernel: Kernel;
  private readonly clock: Clock;
  private readonly timers: Timers;
  private readonly parts: Parts;
  private readonly mode: Mode;
  private readonly internalSide: InternalCaches | Bypass;
  private readonly externalSide: ExternalCaches | Inject;
  private readonly receiver: Receiver;
  /** Flushes and commits, whose events count as the node's own. */
  private readonly requests: KernelRequests;
  private readonly sink: KernelSink;
  private readonly purgeTimer = new Timer(() => this.purge());
  private readonly resyncTimer = new Timer(() => this.resync());
  /** True if C believes that a commit is running. Then it flushes no external cache. */
  private committing = false;
  /** How many more events the turn takes. It starts at 0, so that the first turn takes one. */
  private eventsLeft = 0;

  /**
   * @param kernel must put TIMEOUT into records if there is no CommitTimeout, and window scales with
   *   TCPWindowTracking
   * @param clockSeconds seconds since 1970, the first sequence number
   * @param random 0 <= x < 1
   * @param now milliseconds of a monotonic clock
   * @throws RangeError for options that C refuses
   */
  constructor(
    kernel: Kernel,
    options: CNodeOptions,
    clockSeconds: number,
    random: () => number,
    now: number,
  ) {
    if (options.disableInternalCache && options.mode !== 'notrack') {
      throw new RangeError('only NOTRACK can do without an internal cache');
    }
    if (options.startupResync && options.mode === 'alarm') {
      throw new RangeError('ALARM has no StartupResync');
    }
    this.options = options;
    this.kernel = kernel;
    this.clock = new Clock(now, clockSeconds);
    this.timers = new Timers(this.clock);
    this.parts = {
      options,
      clock: this.clock,
      timers: this.timers,
      tracker: new SequenceTracker(),
      outgoing: new Outgoing(new SequenceSource(this.clock), options.payloadLimit, options.oldWire),
      transmitQueue: new Queue(Infinity),
      random,
    };
    const liberal = !options.tcpWindowTracking;
    this.requests = new KernelRequests(kernel, Origin.COMMIT, liberal);
    this.mode = this.openMode();
    this.internalSide = options.disableInternalCache
      ? new Bypass(this.parts, kernel, this.requests)
      : new InternalCaches(this.parts, (cached) => this.mode.enqueue(cached), this.mode.internalWatch);
    this.externalSide = options.disableExternalCache
      ? new Inject(new KernelRequests(kernel, Origin.INJECT, liberal))
      : new ExternalCaches(this.parts, options.mode === 'alarm' ? new Expiry(this.parts) : undefined);
    this.receiver = new Receiver(
      this.mode,
      (kind, change, record) => this.externalSide.received(kind, change, record),
      options.oldWire,
    );
    this.sink = {
      flow: (change, origin, bytes, length) => this.event(FLOWS, change, origin, bytes, length),
      expectation: (change, origin, bytes, length) => this.event(EXPECTATIONS, change, origin, bytes, length),
      traffic: () => {},
    };
  }

  private openMode(): Mode {
    const internal = () => this.internalSide.caches!;
    switch (this.options.mode) {
      case 'ftfw':
        return new Ftfw(this.parts, internal);
      case 'alarm':
        return new AlarmMode(this.parts);
      case 'notrack':
        return new Notrack(this.parts, (enqueue) => {
          if (this.internalSide instanceof Bypass) {
            this.internalSide.sendBulk();
            return;
          }
          for (const cached of internal().flows.inOrder()) enqueue(cached);
          for (const cached of internal().expectations.inOrder()) enqueue(cached);
        });
    }
  }

  // ---- Turns ----

  /** Dumps the kernel's table into the internal cache, then listens to events. Earlier events are lost. */
  start(now: number): void {
    this.clock.begin(now);
    this.populate(FLOWS);
    if (this.options.expectationSync) this.populate(EXPECTATIONS);
    this.discardEvents();
    if (this.options.startupResync) this.mode.requestResync?.();
  }

  /** Takes as many events of the kernel as C takes in one turn. True if there may be more. */
  readEvents(now: number): boolean {
    this.clock.now = now;
    const before = this.kernelSide.events;
    const read = this.kernel.readEvents(this.sink, this.eventsLeft + 1);
    const woken = read === ReadResult.OVERRUN || this.kernelSide.events > before;
    if (woken) this.eventsLeft = this.options.eventIterationLimit;
    if (read !== ReadResult.OVERRUN) return read === ReadResult.MORE;
    this.kernelSide.overruns++;
    const { overrunResync } = this.options;
    if (overrunResync > 0 && this.internalSide instanceof InternalCaches) {
      this.timers.set(this.resyncTimer, overrunResync * 1000);
    }
    return true;
  }

  /** Takes a datagram, `bytes[start, end)`, from any sender. */
  receive(bytes: Uint8Array, start: number, end: number, now: number): void {
    this.clock.now = now;
    this.receiver.datagram(bytes, start, end);
  }

  /** When `handleTimeout` is due, in milliseconds, or Infinity. */
  nextTimeout(): number {
    return this.timers.next();
  }

  handleTimeout(now: number): void {
    this.clock.begin(now);
    this.timers.run(now);
  }

  /**
   * Sends the queued messages, and ends the turn.
   * @throws RangeError for a record that fits into no datagram
   */
  transmit(send: Send, now: number): void {
    this.clock.begin(now);
    const { outgoing, transmitQueue } = this.parts;
    outgoing.sending(send, () => {
      if (transmitQueue.length === 0) return;
      this.mode.transmit();
      outgoing.flush();
    });
  }

  // ---- The kernel ----

  private event(kind: Kind, change: Change, origin: Origin, bytes: Uint8Array, length: number): void {
    this.kernelSide.events++;
    if (kind === EXPECTATIONS && !this.options.expectationSync) return;
    this.internalSide.event(kind, change, origin, bytes.subarray(0, length));
  }

  private populate(kind: Kind): void {
    const { internalSide } = this;
    if (!(internalSide instanceof InternalCaches)) return;
    dump(this.kernel, kind === FLOWS ? 'flow' : 'expectation', (record) =>
      internalSide.populate(kind, record),
    );
  }

  private discardEvents(): void {
    const ignore: KernelSink = { flow: () => {}, expectation: () => {}, traffic: () => {} };
    while (this.kernel.readEvents(ignore, 1024) !== ReadResult.DRAINED);
  }

  /** Some time after lost events: sends everything again, and ends the flows that the kernel does not have. */
  private resync(): void {
    const { internalSide } = this;
    if (!(internalSide instanceof InternalCaches)) return;
    this.kernelSide.resyncs++;
    dump(this.kernel, 'flow', (record) => internalSide.resync(FLOWS, record));
    internalSide.purge(this.requests);
  }

  /** PurgeTimeout after `-t`. The internal cache is emptied before the events of the ends come, so none is sent. */
  private purge(): void {
    this.flushKernel();
    this.internalSide.flush(FLOWS);
  }

  private flushKernel(): void {
    this.kernelSide.flushes++;
    this.requests.flushFlows();
  }

  // ---- Commands ----

  /** A request of the control socket, by its number. One that only reads does nothing. */
  command(code: number, now: number): void {
    this.clock.now = now;
    const { expectationSync } = this.options;
    switch (code) {
      case Request.FLUSH_KERNEL_CT:
        this.flushKernel();
        break;
      case Request.FLUSH_KERNEL_EXPECT:
        if (expectationSync) this.kernel.flushExpectations();
        break;
      case Request.FLUSH_KERNEL_ALL:
        this.flushKernel();
        if (expectationSync) this.kernel.flushExpectations();
        break;
      case Request.RESYNC_KERNEL_CT:
        this.repopulate(FLOWS);
        break;
      case Request.RESYNC_KERNEL_EXPECT:
        if (expectationSync) this.repopulate(EXPECTATIONS);
        break;
      case Request.RESYNC_KERNEL_ALL:
        this.repopulate(FLOWS);
        if (expectationSync) this.repopulate(EXPECTATIONS);
        break;
      case Request.COMMIT_CT:
        this.commit(true, false);
        break;
      case Request.COMMIT_EXPECT:
        if (expectationSync) this.commit(false, true);
        break;
      case Request.COMMIT_ALL:
        this.commit(true, expectationSync);
        break;
      case Request.RESET_TIMERS:
        if (this.purgeTimer.due === undefined) {
          this.timers.set(this.purgeTimer, this.options.purgeTimeout * 1000);
        }
        break;
      case Request.FLUSH_CACHES_CT:
        this.flushCaches([FLOWS]);
        break;
      case Request.FLUSH_CACHES_ALL:
        this.flushCaches(expectationSync ? [FLOWS, EXPECTATIONS] : [FLOWS]);
        break;
      case Request.FLUSH_INTERNAL:
        this.timers.cancel(this.purgeTimer);
        this.internalSide.flush(FLOWS);
        break;
      case Request.FLUSH_EXTERNAL:
        if (!this.committing) this.externalSide.caches?.flows.flush();
        break;
      case Request.REQUEST_RESYNC:
        this.mode.requestResync?.();
        break;
      case Request.SEND_BULK:
        this.mode.sendBulk?.();
        break;
    }
  }

  private repopulate(kind: Kind): void {
    if (!(this.internalSide instanceof InternalCaches)) return;
    this.kernelSide.resyncs++;
    this.populate(kind);
  }

  private flushCaches(kinds: readonly Kind[]): void {
    if (this.committing) return;
    this.timers.cancel(this.purgeTimer);
    for (const kind of kinds) {
      this.internalSide.flush(kind);
      const { caches } = this.externalSide;
      (kind === FLOWS ? caches?.flows : caches?.expectations)?.flush();
    }
  }

  private commit(flows: boolean, expectations: boolean): void {
    this.timers.cancel(this.purgeTimer);
    const { caches } = this.externalSide;
    if (caches === undefined) return;
    // C never notices the end of a commit that needs no second step.
    if (this.options.hashSize <= COMMIT_STEP) this.committing = true;
    const { commitTimeout } = this.options;
    const count = (cache: Cache) => commit(cache, this.requests, this.clock, commitTimeout);
    this.lastCommit = {
      flows: flows ? count(caches.flows) : { committed: 0, failed: 0 },
      expectations: expectations ? count(caches.expectations) : undefined,
    };
  }

  // ---- Inspection ----

  /** The internal caches. Undefined with DisableInternalCache. */
  get internal(): Caches | undefined {
    return this.internalSide.caches;
  }

  /** The external caches. Undefined with DisableExternalCache. */
  get external(): Caches | undefined {
    return this.externalSide.caches;
  }

  /** `-s network` */
  get network(): ReceiveCounters & { readonly lost: number; readonly behind: number } {
    const { lost, behind } = this.parts.tracker;
    return { ...this.receiver.counters, lost, behind };
  }

  /** `-s rsqueue`, if the mode has one, the oldest first. `flags` is undefined for records. */
  resendQueue(): { readonly sequence: number; readonly flags: number | undefined }[] {
    const listed: { sequence: number; flags: number | undefined }[] = [];
    if (this.mode instanceof Ftfw) {
      this.mode.resendQueue.visit((queued) => {
        const { sequence } = queued as Cached | Control;
        listed.push({ sequence, flags: queued instanceof Cached ? undefined : (queued as Control).flags });
        return false;
      });
    }
    return listed;
  }

  /** `-s queue`: messages to transmit. */
  get transmitQueueLength(): number {
    return this.parts.transmitQueue.length;
  }

  /** `-s` with DisableExternalCache. */
  get injected(): Inject['counters'] | undefined {
    return this.externalSide instanceof Inject ? this.externalSide.counters : undefined;
  }

  /** `-s` with DisableInternalCache. */
  get bypassed(): Bypass['counters'] | undefined {
    return this.internalSide instanceof Bypass ? this.internalSide.counters : undefined;
  }
}
