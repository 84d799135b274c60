import type { Console } from './console.ts';
import type { LogEntry, LogFields, Priority } from './log-entry.ts';
import { LogFile } from './log-file.ts';
import { entryNow, type LogFormat, printable, TEXT_FORMAT } from './log-format.ts';
import { LOG_PRIORITIES, type Syslog } from './syslog.ts';

/** Lines written per second at most; more are counted, and the count is written before the next line. */
const LINES_PER_SECOND = 200;

/** The daemon's log: the console while in the foreground, the log file, syslog. */
export class Log {
  private readonly console: Console | undefined;
  private readonly file: LogFile | undefined;
  private readonly syslog: Syslog | undefined;
  private readonly format: LogFormat;
  private second = 0;
  private lines = 0;
  private dropped = 0;
  private droppedInAll = 0;

  /**
   * @param path the log file, opened to append
   * @param format of the console and the log file; syslog gets text
   * @throws Error that names the file if it cannot be opened
   */
  constructor(
    console: Console | undefined,
    path: string | undefined,
    syslog: Syslog | undefined,
    format: LogFormat = TEXT_FORMAT,
  ) {
    this.console = console;
    this.file = path === undefined ? undefined : new LogFile(path, format);
    this.syslog = syslog;
    this.format = format;
  }

  /** Lines that were left out, because there were too many in a second. */
  get linesLeftOut(): number {
    return this.droppedInAll + this.dropped;
  }

  /** Lines that the log file could not take. */
  get linesLost(): number {
    return this.file?.linesLost ?? 0;
  }

  info(text: string, fields?: LogFields): void {
    this.write('info', text, fields);
  }

  notice(text: string, fields?: LogFields): void {
    this.write('notice', text, fields);
  }

  warning(text: string, fields?: LogFields): void {
    this.write('warning', text, fields);
  }

  error(text: string, fields?: LogFields): void {
    this.write('ERROR', text, fields);
  }

  /** Opens the log file again, after it was moved away. @throws Error that names it */
  reopen(): void {
    this.file?.reopen();
  }

  close(): void {
    this.reportDropped();
    this.file?.close();
  }

  private write(priority: Priority, text: string, fields: LogFields | undefined): void {
    const entry = entryNow(priority, text, fields);
    const second = Math.floor(entry.time.getTime() / 1000);
    if (second !== this.second) {
      this.second = second;
      this.lines = 0;
      this.reportDropped();
    }
    if (++this.lines > LINES_PER_SECOND) this.dropped++;
    else this.put(entry);
  }

  private reportDropped(): void {
    const { dropped } = this;
    if (dropped === 0) return;
    this.droppedInAll += dropped;
    this.dropped = 0;
    const fields: LogFields = { event: 'log_lines_left_out', lines: dropped };
    this.put(entryNow('warning', `${dropped} log lines were left out`, fields));
  }

  private put(entry: LogEntry): void {
    const { priority, message, fields } = entry;
    const quiet = priority === 'info' || priority === 'notice';
    this.console?.(quiet ? 'stdout' : 'stderr', this.format.forConsole(entry));
    this.file?.write(this.format.forFile(entry));
    this.syslog?.write(LOG_PRIORITIES[priority], message);
    if (fields?.subject !== undefined) this.syslog?.write(LOG_PRIORITIES.ERROR, printable(fields.subject));
  }
}
