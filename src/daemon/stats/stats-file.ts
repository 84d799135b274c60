import { closeSync, constants, fstatSync, openSync, write } from 'node:fs';
import { type Cancel, PROCESS_RUNTIME, type Runtime } from '../common/runtime.ts';
import { type FlowLogSink, type LossLog, LossReport } from './stats-log.ts';

/** Bytes that wait at most. */
const LIMIT_BYTES = 4 * 1024 * 1024;
/** Bytes from which on what waits is written at once. */
const BATCH_BYTES = 64 * 1024;
/** How long a line waits for others. */
const DELAY_MS = 200;
/** How long after a failure to try again. */
const RETRY_MS = 1000;
/** How long closing waits for the last lines. */
const CLOSE_MS = 3000;

// Read and write, as fopen(3)'s "a+", so that a FIFO can be opened before somebody reads it; not blocking, so that a full
// FIFO does not stop the daemon.
const FLAGS =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * The file of ended flows, a line each: time, a tab, the flow. Lines wait a moment and are written together, outside the
 * event loop. What a full disk refuses waits, too; lines beyond the limit are dropped, counted and reported. A file that was
 * removed is made again.
 */
export class FlowLogFile implements FlowLogSink {
  private readonly path: string;
  private readonly report: LossReport;
  private readonly limit: number;
  private file: number;
  /** Lines that wait, of one byte a character. */
  private text = '';
  /** Bytes that are being written, or the rest of what was written in part. */
  private rest: Buffer = Buffer.alloc(0);
  private reopening = false;
  private failing = false;
  private closed = false;
  private writing: Promise<void> | undefined;
  private readonly runtime: Runtime;
  private cancelFlush: Cancel | undefined;

  /**
   * @param limit bytes that wait at most
   * @throws Error that names the file if it cannot be opened
   */
  constructor(path: string, log: LossLog, limit = LIMIT_BYTES, runtime: Runtime = PROCESS_RUNTIME) {
    this.path = path;
    this.runtime = runtime;
    this.report = new LossReport(log, `stats log file ${path}`, runtime);
    this.limit = limit;
    this.file = openLog(path);
  }

  get lostLines(): number {
    return this.report.lostLines;
  }

  add(time: string, text: string): void {
    const size = time.length + text.length + 2;
    if (this.closed || this.text.length + this.rest.length + size > this.limit) {
      this.report.lose(1);
      return;
    }
    this.text += `${time}\t${text}\n`;
    if (this.writing !== undefined) return;
    if (this.text.length >= BATCH_BYTES && !this.failing) this.flush();
    else this.arm(this.failing ? RETRY_MS : DELAY_MS);
  }

  /** Opens the path again. The lines until now go into the old file, if it takes them. */
  reopen(): void {
    if (this.closed) return;
    this.gather();
    this.reopening = true;
    this.flush();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    let cancelDeadline: Cancel = () => {};
    const deadline = new Promise<void>((resolve) => {
      cancelDeadline = this.runtime.after(CLOSE_MS, resolve);
    });
    await Promise.race([this.finish(), deadline]);
    cancelDeadline();
    this.cancelFlush?.();
    this.gather();
    this.report.lose(linesOf(this.rest));
    this.report.close();
    // A write under way needs the descriptor; the end of the process closes it.
    if (this.writing === undefined) closeSync(this.file);
  }

  private async finish(): Promise<void> {
    await this.writing;
    this.flush();
    await this.writing;
  }

  private arm(delayMs: number): void {
    if (this.cancelFlush !== undefined) return;
    this.cancelFlush = this.runtime.after(delayMs, () => this.flush());
  }

  private flush(): void {
    this.cancelFlush?.();
    this.cancelFlush = undefined;
    if (this.writing !== undefined) return;
    this.writing = this.writeAll().finally(() => {
      this.writing = undefined;
      const more = this.rest.length > 0 || this.text !== '' || this.reopening;
      if (more && !this.closed) this.arm(this.failing ? RETRY_MS : 0);
    });
  }

  /** Never rejects. */
  private async writeAll(): Promise<void> {
    for (;;) {
      if (this.rest.length === 0) {
        if (this.reopening) this.openAgain();
        this.gather();
        if (this.rest.length === 0) return;
      }
      try {
        // What is written to a file that was removed, as with its directory, is lost.
        if (fstatSync(this.file).nlink === 0) this.replaceFile();
        const written = await writeSome(this.file, this.rest);
        // `rest` may have grown meanwhile.
        this.rest = this.rest.subarray(written);
        this.failing = false;
        this.report.works();
      } catch (error) {
        this.failing = true;
        this.report.failed((error as Error).message);
        if (!this.reopening) return;
        this.openAgain();
      }
    }
  }

  private gather(): void {
    if (this.text === '') return;
    const lines = Buffer.from(this.text, 'latin1');
    this.text = '';
    this.rest = this.rest.length === 0 ? lines : Buffer.concat([this.rest, lines]);
  }

  private replaceFile(): void {
    const file = openLog(this.path);
    closeSync(this.file);
    this.file = file;
  }

  private openAgain(): void {
    this.reopening = false;
    try {
      this.replaceFile();
    } catch (error) {
      this.report.failed((error as Error).message);
    }
  }
}

function openLog(path: string): number {
  try {
    return openSync(path, FLAGS, 0o600);
  } catch (error) {
    throw new Error(`can't open logfile \`${path}': ${(error as Error).message}`);
  }
}

function writeSome(file: number, bytes: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    write(file, bytes, (error, written) => (error === null ? resolve(written) : reject(error)));
  });
}

function linesOf(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines++;
  return lines;
}
