import { Errno } from '../../system/errno.ts';
import {
  AF_UNIX,
  libc,
  MSG_DONTWAIT,
  MSG_NOSIGNAL,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_STREAM,
} from '../../system/libc.ts';
import { unixAddress } from '../../system/socket-address.ts';
import { SystemError } from '../../system/system-error.ts';
import { type Cancel, PROCESS_RUNTIME, type Runtime } from '../common/runtime.ts';
import { FACILITIES, LOG_PRIORITIES, SYSLOG_IDENT } from '../process/syslog.ts';
import { type FlowLogSink, type LossLog, LossReport } from './stats-log.ts';

/** Where syslogd listens (`_PATH_LOG`). */
const SYSLOG_PATH = '/dev/log';
/** connect(2): a socket of the other type listens there. */
const EPROTOTYPE = 91;
/** Bytes that wait at most. */
const LIMIT_BYTES = 4 * 1024 * 1024;
/** Lines sent in one turn before others get theirs. */
const BURST = 256;
/** How long to wait for a busy syslogd: at first, and at most; the wait doubles. */
const BUSY_MIN_MS = 1;
const BUSY_MAX_MS = 64;
/** How long to wait before connecting again. */
const RECONNECT_MS = 1000;
/** How long closing waits for the last lines. */
const CLOSE_MS = 1000;

const Outcome = { DONE: 0, MORE: 1, BUSY: 2, ABSENT: 3 } as const;
type Outcome = (typeof Outcome)[keyof typeof Outcome];

/**
 * Ended flows for syslog: LOG_INFO, under the C program's name, in the form in which syslog(3) sends lines. libc's own
 * waits for a slow syslogd; here the lines wait, and lines beyond the limit are dropped, counted and reported.
 */
export class FlowSyslog implements FlowLogSink {
  private readonly path: string;
  private readonly head: string;
  private readonly tail: string;
  private readonly limit: number;
  private readonly report: LossReport;
  private readonly message = new Uint8Array(new ArrayBuffer(4096));
  private lines: string[] = [];
  /** Index of the first line that waits. */
  private next = 0;
  private waiting = 0;
  private fd = -1;
  private stream = false;
  private delayMs = BUSY_MIN_MS;
  private scheduled = false;
  private closed = false;
  private readonly runtime: Runtime;
  private cancelTurn: Cancel | undefined;

  /** @param limit bytes that wait at most */
  constructor(
    facility: string,
    log: LossLog,
    path = SYSLOG_PATH,
    limit = LIMIT_BYTES,
    runtime: Runtime = PROCESS_RUNTIME,
  ) {
    this.path = path;
    this.runtime = runtime;
    this.limit = limit;
    this.report = new LossReport(log, 'stats syslog', runtime);
    this.head = `<${FACILITIES[facility]! | LOG_PRIORITIES.info}>`;
    this.tail = ` ${SYSLOG_IDENT}[${process.pid}]: `;
  }

  get lostLines(): number {
    return this.report.lostLines;
  }

  add(time: string, text: string): void {
    // Day, month and time without the weekday and the year.
    const line = this.head + time.slice(4, 19) + this.tail + text;
    if (this.closed || this.waiting + line.length > this.limit) {
      this.report.lose(1);
      return;
    }
    this.lines.push(line);
    this.waiting += line.length;
    this.schedule();
  }

  /** Does nothing: there is no file that could be moved away. */
  reopen(): void {}

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.cancelTurn?.();
    const { runtime } = this;
    const deadline = runtime.now() + CLOSE_MS;
    for (;;) {
      const outcome = this.send();
      if (outcome === Outcome.DONE || outcome === Outcome.ABSENT || runtime.now() >= deadline) break;
      await runtime.sleep(outcome === Outcome.BUSY ? BUSY_MIN_MS : 0);
    }
    this.report.lose(this.lines.length - this.next);
    this.report.close();
    this.disconnect();
  }

  private schedule(): void {
    if (this.scheduled || this.cancelTurn !== undefined) return;
    this.scheduled = true;
    this.runtime.defer(() => this.turn());
  }

  private turn(): void {
    this.scheduled = false;
    if (this.closed) return;
    const outcome = this.send();
    if (outcome === Outcome.MORE) this.schedule();
    else if (outcome === Outcome.ABSENT) this.later(RECONNECT_MS);
    else if (outcome === Outcome.BUSY) {
      this.later(this.delayMs);
      this.delayMs = Math.min(2 * this.delayMs, BUSY_MAX_MS);
    }
  }

  private later(delayMs: number): void {
    this.cancelTurn = this.runtime.after(delayMs, () => {
      this.cancelTurn = undefined;
      this.turn();
    });
  }

  private send(): Outcome {
    for (let burst = 0; burst < BURST; burst++) {
      if (this.next === this.lines.length) {
        this.lines.length = 0;
        this.next = 0;
        return Outcome.DONE;
      }
      if (this.fd < 0 && !this.connect()) return Outcome.ABSENT;
      const line = this.lines[this.next]!;
      const length = this.encode(line);
      const sent = libc().sendTo(this.fd, this.message, length, MSG_DONTWAIT | MSG_NOSIGNAL, null);
      if (sent === -Errno.EAGAIN || sent === -Errno.ENOBUFS) return Outcome.BUSY;
      if (sent < 0) {
        this.report.failed(libc().error(`send ${this.path}`, -sent).message);
        this.disconnect();
        return Outcome.ABSENT;
      }
      this.delayMs = BUSY_MIN_MS;
      this.report.works();
      this.next++;
      this.waiting -= line.length;
      if (this.next >= 1024) {
        this.lines = this.lines.slice(this.next);
        this.next = 0;
      }
    }
    return Outcome.MORE;
  }

  /** Writes the line to `message` and returns its length in bytes; a stream needs an end of line, NUL as in syslog(3). */
  private encode(line: string): number {
    const { message } = this;
    const length = Math.min(line.length, message.length - 1);
    for (let n = 0; n < length; n++) message[n] = line.charCodeAt(n);
    message[length] = 0;
    return this.stream ? length + 1 : length;
  }

  /** Connects as syslog(3) does: a datagram socket, or a stream if that is what listens there. */
  private connect(): boolean {
    try {
      this.fd = connectUnix(this.path, SOCK_DGRAM);
      this.stream = false;
      return true;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      if (error.errno !== EPROTOTYPE) {
        this.report.failed(error.message);
        return false;
      }
    }
    try {
      this.fd = connectUnix(this.path, SOCK_STREAM);
      this.stream = true;
      return true;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.report.failed(error.message);
      return false;
    }
  }

  private disconnect(): void {
    if (this.fd >= 0) libc().close(this.fd);
    this.fd = -1;
  }
}

function connectUnix(path: string, type: number): number {
  const system = libc();
  const address = unixAddress(path);
  const fd = system.socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
  try {
    system.connect(fd, address);
    return fd;
  } catch (error) {
    system.close(fd);
    throw error;
  }
}
