import {
  type EventWatch,
  type Kernel,
  KernelError,
  type KernelSink,
  ReadResult,
} from '../../kernel/kernel.ts';
import type { ReusableTimer } from '../../system/poll-loop.ts';
import { EventCoalescer } from './event-coalescer.ts';
import type { Cancel, Runtime } from './runtime.ts';

export interface EventReaderOptions {
  /** Events read before others get their turn. */
  readonly eventIterationLimit: number;
  /** Seconds from an overrun to the resync that mends it; 0 or less: never. */
  readonly overrunResync: number;
  /** Bytes beyond which the event buffer is not doubled. */
  readonly bufferSizeMaxGrowth: number;
}

export interface EventReaderCounters {
  /** Reads that failed, overruns included. */
  eventsFailed: number;
  overruns: number;
}

/** Where an event reader says what became of the event buffer. */
export interface EventLog {
  notice(text: string): void;
  warning(text: string): void;
  error(text: string): void;
}

/** What the owner of an event reader is asked, and told. */
export interface EventReaderHooks {
  /** How many events the sink has been given until now. */
  received(): number;
  /** A read begins: what it brings has happened until now. */
  reading?(): void;
  /** All that waited has been given to the sink; or, while there is more and more, a part of it. */
  read?(): void;
  /** Events were lost some time ago: the time to look at the whole table has come. */
  resync(): void;
}

/** Milliseconds without reading after the kernel refused a read: what lasts must not become a busy loop. */
const PAUSE = 1000;
/** Least milliseconds between two log lines about malformed messages. */
const MALFORMED_LOG_MS = 60_000;
/** Milliseconds for which what was read may wait for the rest. */
const PATIENCE = 3;

/**
 * Reads the kernel's events: each at once when they come slowly, many at a time when they come fast. When some were lost
 * it doubles the event buffer, as long as it may, and asks for a resync once no more have been lost for a while.
 */
export class EventReader {
  readonly counters: EventReaderCounters = { eventsFailed: 0, overruns: 0 };
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
  /** Malformed messages at the last log line about them, and when that was. */
  private malformedLogged = 0;
  private malformedLoggedAt = -Infinity;
  private readonly pace: EventCoalescer;
  private readonly nextRead: ReusableTimer;
  /** The watch is paused, and the next read comes by itself. */
  private waiting = false;
  /** Since when something that was read waits for the rest, -1 if nothing does. */
  private untoldSince = -1;

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
    this.pace = new EventCoalescer(runtime.now());
    this.nextRead = runtime.timer(() => this.readAtPace());
  }

  start(): void {
    this.watch = this.kernel.watchEvents(() => this.readAtPace());
  }

  /** Reads what waits now, at most as much as in one turn. Returns whether there may be more. */
  readSome(): boolean {
    let read: ReadResult = ReadResult.DRAINED;
    this.hooks.reading?.();
    try {
      read = this.kernel.readEvents(this.sink, this.options.eventIterationLimit);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      this.failed(error);
    }
    if (this.kernel.counters.malformed !== this.malformedLogged) this.logMalformed();
    if (read === ReadResult.OVERRUN) this.overrun();
    const more = read === ReadResult.MORE;
    if (!more || !this.mayWait()) this.tell();
    return more;
  }

  /** True while it is worth while to let what was read wait for the rest: both then go into one message. */
  private mayWait(): boolean {
    const now = this.runtime.now();
    if (this.untoldSince < 0) this.untoldSince = now;
    return now - this.untoldSince < PATIENCE;
  }

  private tell(): void {
    this.untoldSince = -1;
    this.hooks.read?.();
  }

  close(): void {
    this.watch?.close();
    this.watch = undefined;
    this.cancelResync?.();
    this.cancelPause?.();
    this.nextRead.clear();
  }

  /** Reads, and goes on by the clock as long as events come fast: then the watch has nothing to tell. */
  private readAtPace(): void {
    const { watch, runtime, hooks } = this;
    if (watch === undefined) return;
    const { eventsFailed } = this.counters;
    const received = hooks.received();
    const more = this.readSome();
    if (watch !== this.watch) return;
    this.pace.recordRead(hooks.received() - received, runtime.now());
    const interval = this.pace.waitMs(this.kernel.eventBufferSize);
    // What is wrong is the watch's matter.
    if (this.counters.eventsFailed !== eventsFailed || (interval === 0 && !more)) {
      if (this.waiting && this.cancelPause === undefined) watch.resume();
      this.waiting = false;
      return;
    }
    if (!this.waiting) watch.pause();
    this.waiting = true;
    // Before what may be left over others get their turn.
    if (more) runtime.defer(() => this.readAtPace());
    else this.nextRead.set(interval);
  }

  private logMalformed(): void {
    const now = this.runtime.now();
    if (now - this.malformedLoggedAt < MALFORMED_LOG_MS) return;
    const reason = this.kernel.takeMalformedReason?.();
    if (reason === undefined) return;
    const { malformed } = this.kernel.counters;
    const messages =
      malformed - this.malformedLogged === 1
        ? '1 malformed message'
        : `${malformed - this.malformedLogged} malformed messages`;
    this.malformedLogged = malformed;
    this.malformedLoggedAt = now;
    this.log.warning(`ignored ${messages} of the kernel; the first: ${reason}`);
  }

  private failed(error: KernelError): void {
    this.counters.eventsFailed++;
    this.log.error(`reading events: ${error.message}`);
    const { watch } = this;
    if (watch === undefined) return;
    watch.pause();
    this.cancelPause = this.runtime.after(PAUSE, () => {
      this.cancelPause = undefined;
      watch.resume();
    });
  }

  private overrun(): void {
    this.counters.overruns++;
    this.counters.eventsFailed++;
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
      );
      return;
    }
    const size = this.kernel.growEventBuffer(twice);
    this.log.notice(`netlink event socket buffer size has been doubled to ${size} bytes`);
  }
}
