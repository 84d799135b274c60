import { Histogram } from '../../bytes/histogram.ts';
import {
  type EventWatch,
  type Kernel,
  KernelError,
  type KernelSink,
  ReadResult,
} from '../../kernel/kernel.ts';
import type { ReusableTimer } from '../../system/loop/reusable-timer.ts';
import type { LogEvent, LogFields, WriteLine } from '../process/log-entry.ts';
import { MalformedLog } from './malformed-log.ts';
import { type Latency, type ReadPace, readPace } from './read-pace.ts';
import type { Cancel, Runtime } from './runtime.ts';

export interface EventReaderOptions {
  /** Events read before others get their turn. */
  readonly eventIterationLimit: number;
  /** Seconds from an overrun to the resync with the kernel's table; 0 or less: never. */
  readonly overrunResync: number;
  /** Bytes that the event buffer may grow to by doubling. */
  readonly bufferSizeMaxGrowth: number;
  /** `batched` unless given. */
  readonly latency?: Latency;
}

export interface EventReaderCounters {
  /** Reads that failed, overruns included. */
  eventsFailed: number;
  overruns: number;
}

/** The log, for what concerns the event buffer. */
export interface EventLog {
  readonly notice: WriteLine;
  readonly warning: WriteLine;
  readonly error: WriteLine;
}

/** How an event reader and its owner work together. */
export interface EventReaderHooks {
  /** Returns how many events the sink has been given until now. */
  eventsReceived(): number;
  /** A read begins: its events have happened until now. */
  beforeRead?(): void;
  /** The sink has all events that waited, or, if there are always more, part of them: send what they changed. */
  afterRead?(): void;
  /** Events were lost. */
  overrun(): void;
  /** `overrunResync` seconds have passed since events were lost: resynchronise with the kernel's table. */
  resync(): void;
}

/** Events a read: EventIterationLimit is 100 by default. */
const BATCH_BOUNDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** How long not to read after the kernel refused a read: an error that lasts must not cause a busy loop. */
const FAILURE_PAUSE_MS = 1000;

/**
 * Reads the kernel's events: one at a time when they come slowly, many at a time when they come fast. When events are lost it
 * doubles the event buffer, up to the limit, and asks for a resync once no more have been lost for a while.
 */
export class EventReader {
  readonly counters: EventReaderCounters = { eventsFailed: 0, overruns: 0 };
  /** Events by read, of the reads that brought any. */
  readonly batches = new Histogram(BATCH_BOUNDS);
  private readonly kernel: Kernel;
  private readonly sink: KernelSink;
  private readonly log: EventLog;
  private readonly options: EventReaderOptions;
  private readonly hooks: EventReaderHooks;
  private watch: EventWatch | undefined;
  private readonly runtime: Runtime;
  private cancelResync: Cancel | undefined;
  private cancelPause: Cancel | undefined;
  private growthWarned = false;
  private readonly malformedLog: MalformedLog;
  private readonly pace: ReadPace;
  private readonly nextRead: ReusableTimer;
  /** Whether the watch is paused, and a timer or a deferred call does the next read. */
  private readsByTimer = false;
  /** Since when events that were read wait for the others, in ms; -1: none wait. */
  private heldSinceMs = -1;

  constructor(
    kernel: Kernel,
    sink: KernelSink,
    log: EventLog,
    options: EventReaderOptions,
    hooks: EventReaderHooks,
    runtime: Runtime,
  ) {
    this.kernel = kernel;
    this.sink = sink;
    this.log = log;
    this.options = options;
    this.hooks = hooks;
    this.runtime = runtime;
    this.malformedLog = new MalformedLog(
      'the kernel',
      () => kernel.takeMalformedReason?.(),
      log,
      () => runtime.now(),
    );
    this.pace = readPace(options.latency ?? 'batched', runtime.now());
    this.nextRead = runtime.timer(() => this.readCoalesced());
  }

  start(): void {
    this.watch = this.kernel.watchEvents(() => this.readCoalesced());
  }

  /** Reads the events that wait, at most those of one turn. Returns whether there may be more. */
  readSome(): boolean {
    let read: ReadResult = ReadResult.DRAINED;
    this.hooks.beforeRead?.();
    try {
      read = this.pace.readsUntilEmpty
        ? this.readUntilEmpty()
        : this.kernel.readEvents(this.sink, this.options.eventIterationLimit);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.failed(error);
    }
    this.malformedLog.note(this.kernel.counters.malformed);
    if (read === ReadResult.OVERRUN) this.overrun();
    const more = read === ReadResult.MORE;
    if (!more || !this.mayHold()) this.release();
    return more;
  }

  /** Reads until no event waits, at most those of one turn. */
  private readUntilEmpty(): ReadResult {
    const { kernel, sink, hooks } = this;
    const begin = hooks.eventsReceived();
    const end = begin + this.options.eventIterationLimit;
    for (let at = begin; ; ) {
      const result = kernel.readEvents(sink, end - at);
      const received = hooks.eventsReceived();
      if (result !== ReadResult.DRAINED || received === at) return result;
      if (received >= end) return ReadResult.MORE;
      at = received;
    }
  }

  /** Returns whether the events that were read may wait for the others, to be sent with them. */
  private mayHold(): boolean {
    const now = this.runtime.now();
    if (this.heldSinceMs < 0) this.heldSinceMs = now;
    return now - this.heldSinceMs < this.pace.holdMaxMs;
  }

  private release(): void {
    this.heldSinceMs = -1;
    this.hooks.afterRead?.();
  }

  close(): void {
    this.watch?.close();
    this.watch = undefined;
    this.cancelResync?.();
    this.cancelPause?.();
    this.nextRead.clear();
  }

  /** Reads, and sets a timer for the next read while events come fast; the watch is paused for that time. */
  private readCoalesced(): void {
    const { watch, runtime, hooks } = this;
    if (watch === undefined) return;
    const { eventsFailed } = this.counters;
    const received = hooks.eventsReceived();
    const more = this.readSome();
    if (watch !== this.watch) return;
    const events = hooks.eventsReceived() - received;
    if (events > 0) this.batches.record(events);
    this.pace.recordRead(events, runtime.now());
    const waitMs = this.pace.waitMs(this.kernel.eventBufferSize);
    // After a failure the watch takes over again.
    if (this.counters.eventsFailed !== eventsFailed || (waitMs === 0 && !more)) {
      if (this.readsByTimer && this.cancelPause === undefined) watch.resume();
      this.readsByTimer = false;
      return;
    }
    if (!this.readsByTimer) watch.pause();
    this.readsByTimer = true;
    // Others get their turn before the rest is read.
    if (more) runtime.defer(() => this.readCoalesced());
    else this.nextRead.set(waitMs);
  }

  private failed(error: KernelError): void {
    this.counters.eventsFailed++;
    this.log.error(`reading events: ${error.message}`, {
      event: 'event_read_failed',
      reason: error.message,
      errno: error.errno === 0 ? undefined : error.errno,
    });
    const { watch } = this;
    if (watch === undefined) return;
    watch.pause();
    this.cancelPause = this.runtime.after(FAILURE_PAUSE_MS, () => {
      this.cancelPause = undefined;
      watch.resume();
    });
  }

  private overrun(): void {
    this.counters.overruns++;
    this.counters.eventsFailed++;
    this.hooks.overrun();
    this.growBuffer();
    const { overrunResync } = this.options;
    if (overrunResync <= 0) return;
    this.cancelResync?.();
    this.cancelResync = this.runtime.after(overrunResync * 1000, () => this.hooks.resync());
  }

  private growBuffer(): void {
    if (this.growthWarned) return;
    const twice = 2 * this.kernel.eventBufferSize;
    if (twice > this.options.bufferSizeMaxGrowth) {
      this.growthWarned = true;
      this.log.warning(
        'netlink event socket buffer size cannot be doubled further since it will exceed NetlinkBufferSizeMaxGrowth. ' +
          'We are likely to be losing events, this may lead to unsynchronized replicas. Please, consider increasing ' +
          'netlink socket buffer size via NetlinkBufferSize and NetlinkBufferSizeMaxGrowth clauses in conntrackd.conf',
        this.overrunFields('overrun_buffer_at_limit', this.kernel.eventBufferSize),
      );
      return;
    }
    const size = this.kernel.growEventBuffer(twice);
    this.log.notice(
      `netlink event socket buffer size has been doubled to ${size} bytes`,
      this.overrunFields('overrun_buffer_doubled', size),
    );
  }

  private overrunFields(event: LogEvent, bufferBytes: number): LogFields {
    return {
      event,
      buffer_bytes: bufferBytes,
      buffer_limit_bytes: this.options.bufferSizeMaxGrowth,
      overruns_total: this.counters.overruns,
    };
  }
}
