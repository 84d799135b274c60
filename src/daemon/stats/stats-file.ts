import { closeSync, constants, openSync, write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FlowLogSink, type LossLog, LossReport } from './stats-log.ts';

/** Characters, of a byte each, that wait at most. */
const LIMIT = 4 * 1024 * 1024;
/** What waits is written at once when it is this much. */
const ENOUGH = 64 * 1024;
/** Milliseconds that a line waits for others. */
const DELAY = 200;
/** Milliseconds until what failed is tried again. */
const RETRY = 1000;
/** Milliseconds that the last lines are given. */
const LAST = 3000;

// Read and write, as fopen(3)'s "a+": a FIFO can be opened before somebody reads it. Not blocking, so that a full one
// holds nobody up.
const FLAGS =
  constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * The file of ended flows, a line each: time, a tab, the flow. Lines wait a moment and are written together, outside
 * of the event loop. What a full disk refuses waits too; what is too much is counted and told.
 */
export class FlowLogFile implements FlowLogSink {
  private readonly path: string;
  private readonly report: LossReport;
  private readonly limit: number;
  private file: number;
  /** Lines that wait. */
  private text = '';
  /** What is being written, or was written in part. */
  private rest: Buffer = Buffer.alloc(0);
  private reopening = false;
  private failing = false;
  private closed = false;
  private writing: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param limit bytes that wait at most
   * @throws Error that names the file if it cannot be opened
   */
  constructor(path: string, log: LossLog, limit = LIMIT) {
    this.path = path;
    this.report = new LossReport(log, `stats log file ${path}`);
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
    if (this.text.length >= ENOUGH && !this.failing) this.flush();
    else this.arm(this.failing ? RETRY : DELAY);
  }

  /** The lines until now go into the old file, if they can; those that follow into a new one. */
  reopen(): void {
    if (this.closed) return;
    this.gather();
    this.reopening = true;
    this.flush();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    await Promise.race([this.finish(), sleep(LAST, undefined, { ref: false })]);
    clearTimeout(this.timer);
    this.gather();
    this.report.lose(linesOf(this.rest));
    this.report.close();
    // What still writes needs the descriptor; the end of the process closes it then.
    if (this.writing === undefined) closeSync(this.file);
  }

  private async finish(): Promise<void> {
    await this.writing;
    this.flush();
    await this.writing;
  }

  private arm(milliseconds: number): void {
    if (this.timer !== undefined) return;
    this.timer = setTimeout(() => this.flush(), milliseconds);
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.writing !== undefined) return;
    this.writing = this.writeAll().finally(() => {
      this.writing = undefined;
      const more = this.rest.length > 0 || this.text !== '' || this.reopening;
      if (more && !this.closed) this.arm(this.failing ? RETRY : 0);
    });
  }

  /** Never rejects. */
  private async writeAll(): Promise<void> {
    for (;;) {
      if (this.rest.length === 0) {
        if (this.reopening) this.openAnew();
        this.gather();
        if (this.rest.length === 0) return;
      }
      try {
        const written = await writeSome(this.file, this.rest);
        // By now there may be more of it.
        this.rest = this.rest.subarray(written);
        this.failing = false;
        this.report.works();
      } catch (error) {
        this.failing = true;
        this.report.failed((error as Error).message);
        if (!this.reopening) return;
        this.openAnew();
      }
    }
  }

  private gather(): void {
    if (this.text === '') return;
    const lines = Buffer.from(this.text, 'latin1');
    this.text = '';
    this.rest = this.rest.length === 0 ? lines : Buffer.concat([this.rest, lines]);
  }

  private openAnew(): void {
    this.reopening = false;
    try {
      const file = openLog(this.path);
      closeSync(this.file);
      this.file = file;
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
