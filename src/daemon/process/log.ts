import type { Console } from './console.ts';
import { LogFile } from './log-file.ts';
import { ctime, logLine, type Priority } from './log-line.ts';
import { LOG_PRIORITIES, type Syslog } from './syslog.ts';

/** Lines written per second at most; more are counted, and the count is written before the next line. */
const LINES_PER_SECOND = 200;

/** The daemon's log: the console while in the foreground, the log file, syslog. */
export class Log {
  private readonly console: Console | undefined;
  private readonly file: LogFile | undefined;
  private readonly syslog: Syslog | undefined;
  private second = 0;
  private lines = 0;
  private dropped = 0;
  private droppedInAll = 0;

  /**
   * @param path the log file, opened to append
   * @throws Error that names the file if it cannot be opened
   */
  constructor(console: Console | undefined, path: string | undefined, syslog: Syslog | undefined) {
    this.console = console;
    this.file = path === undefined ? undefined : new LogFile(path);
    this.syslog = syslog;
  }

  /** Lines that were left out, because there were too many in a second. */
  get linesLeftOut(): number {
    return this.droppedInAll + this.dropped;
  }

  /** Lines that the log file could not take. */
  get linesLost(): number {
    return this.file?.linesLost ?? 0;
  }

  info(text: string): void {
    this.write('info', text);
  }

  notice(text: string): void {
    this.write('notice', text);
  }

  warning(text: string): void {
    this.write('warning', text);
  }

  error(text: string): void {
    this.write('ERROR', text);
  }

  /** Writes the subject of the previous line, a flow or an expectation as text. Not to the console, as the C node. */
  subject(text: string): void {
    if (this.lines > LINES_PER_SECOND) return;
    // The peer chooses names in it: it must not be able to write lines of its own.
    const printable = text.replace(/\p{Cc}/gu, '?');
    this.file?.write(`${ctime(new Date())}\t${printable}\n`);
    this.syslog?.write(LOG_PRIORITIES.ERROR, printable);
  }

  /** Opens the log file again, after it was moved away. @throws Error that names it */
  reopen(): void {
    this.file?.reopen();
  }

  close(): void {
    this.reportDropped(new Date());
    this.file?.close();
  }

  private write(priority: Priority, text: string): void {
    const now = new Date();
    const second = Math.floor(now.getTime() / 1000);
    if (second !== this.second) {
      this.second = second;
      this.lines = 0;
      this.reportDropped(now);
    }
    if (++this.lines > LINES_PER_SECOND) this.dropped++;
    else this.put(now, priority, text);
  }

  private reportDropped(now: Date): void {
    if (this.dropped === 0) return;
    const text = `${this.dropped} log lines were left out`;
    this.droppedInAll += this.dropped;
    this.dropped = 0;
    this.put(now, 'warning', text);
  }

  private put(now: Date, priority: Priority, text: string): void {
    const line = logLine(now, process.pid, priority, text);
    const quiet = priority === 'info' || priority === 'notice';
    this.console?.(quiet ? 'stdout' : 'stderr', line);
    this.file?.write(line);
    this.syslog?.write(LOG_PRIORITIES[priority], text);
  }
}
