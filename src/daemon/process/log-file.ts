import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import type { LogFields } from './log-entry.ts';
import { entryNow, type LogFormat } from './log-format.ts';

/** How often a file that takes no lines is tried again without a line that has to be written. */
const RETRY_MS = 1_000;
/** How often the file's name is looked at, when a line is written. */
const CHECK_MS = 1_000;

/**
 * The log file, opened to append. A full disk, or a directory that vanished, costs lines and nothing else: they are counted,
 * and the number stands in the file once it takes lines again.
 *
 * A file that was removed, with its directory or without, is made again, as far as the system lets us: what is written to a
 * removed file is lost. A file that was moved away is written to until {@link reopen}, which programs that rotate logs rely
 * on.
 */
export class LogFile {
  private readonly path: string;
  private readonly format: LogFormat;
  private fd: number;
  private lost = 0;
  private reported = 0;
  private reason = '';
  private endsWithinLine = false;
  private isClosed = false;
  private retry: NodeJS.Timeout | undefined;
  private checkedAt = 0;

  /**
   * @param format of the line that tells how many were lost
   * @throws Error that names the file if it cannot be opened
   */
  constructor(path: string, format: LogFormat) {
    this.path = path;
    this.format = format;
    this.fd = open(path);
  }

  /** Lines that the file could not take. */
  get linesLost(): number {
    return this.lost;
  }

  /** Writes one line, or as many as the text has; nothing once the file was closed. */
  write(line: string): void {
    if (this.isClosed) return;
    const now = Date.now();
    if (Math.abs(now - this.checkedAt) >= CHECK_MS) {
      this.checkedAt = now;
      if (this.isRemoved()) this.openAgain();
    }
    if (this.lost > this.reported && !this.reportLost()) this.lose();
    else if (!this.put(line)) this.lose();
  }

  /** Opens the file again, after it was moved away. @throws Error that names it; lines then go into the old file as before */
  reopen(): void {
    const fd = open(this.path);
    closeSync(this.fd);
    this.fd = fd;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearInterval(this.retry);
    this.reportLost();
    closeSync(this.fd);
  }

  private lose(): void {
    this.lost++;
    this.retry ??= setInterval(() => {
      this.openAgain();
      this.reportLost();
    }, RETRY_MS).unref();
  }

  /** Whether the file has taken the number of lines that are lost, if any are. */
  private reportLost(): boolean {
    const { lost, reported } = this;
    if (lost === reported) return true;
    const text = `log file \`${this.path}' can be written to again: ${lost - reported} lines were lost (${this.reason})`;
    const fields: LogFields = {
      event: 'log_lines_lost',
      path: this.path,
      lines: lost - reported,
      reason: this.reason,
    };
    if (!this.put(this.format.forFile(entryNow('warning', text, fields)))) return false;
    this.reported = lost;
    clearInterval(this.retry);
    this.retry = undefined;
    return true;
  }

  /** Whether the file has taken the line; of a line that was written in part the rest is lost. */
  private put(line: string): boolean {
    const bytes = Buffer.from(this.endsWithinLine ? `\n${line}` : line);
    try {
      if (this.isRemoved()) throw new Error('the file was removed');
      const written = writeSync(this.fd, bytes);
      if (written > 0) this.endsWithinLine = written < bytes.length;
      if (written === bytes.length) return true;
      this.reason = 'no space left on device';
    } catch (error) {
      this.reason = (error as Error).message;
    }
    return false;
  }

  private isRemoved(): boolean {
    return fstatSync(this.fd).nlink === 0;
  }

  private openAgain(): void {
    try {
      this.reopen();
    } catch {
      // The next attempt comes with the next line, or in a second.
    }
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'a', 0o600);
  } catch (error) {
    throw new Error(`can't open logfile \`${path}': ${(error as Error).message}`);
  }
}
