import { ctime } from '../process/log-line.ts';

/** Where the log says what became of its lines. */
export interface LossLog {
  notice(text: string): void;
  warning(text: string): void;
  error(text: string): void;
}

/** One place where ended flows are written to. Nothing here blocks, and nothing but `reopen` throws. */
export interface FlowLogSink {
  /** @param time local time as `ctime` lays it out */
  add(time: string, text: string): void;
  /** After the file was moved away. */
  reopen(): void;
  /** Writes what is left, for a few seconds at most. */
  close(): Promise<void>;
}

/** Milliseconds between two reports of lines that were lost. */
const REPORT_INTERVAL = 60_000;

/** Tells of a place that cannot be written to: once that it began, once that it ended, and now and then what was lost. */
export class LossReport {
  private readonly log: LossLog;
  private readonly place: string;
  private trouble: string | undefined;
  private lost = 0;
  private told = 0;
  private timer: NodeJS.Timeout | undefined;

  /** @param place as in `stats log file /var/log/conntrackd-stats.log` */
  constructor(log: LossLog, place: string) {
    this.log = log;
    this.place = place;
  }

  failed(reason: string): void {
    if (this.trouble === reason) return;
    this.trouble = reason;
    this.log.error(`${this.place}: ${reason}: trying again, flows that end meanwhile wait in memory`);
  }

  works(): void {
    if (this.trouble === undefined) return;
    this.trouble = undefined;
    this.log.notice(`${this.place}: can be written to again`);
  }

  lose(lines: number): void {
    this.lost += lines;
    if (this.timer !== undefined || this.lost === this.told) return;
    this.tell();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.tell();
    }, REPORT_INTERVAL);
    this.timer.unref();
  }

  /** Lines lost until now. */
  get lostLines(): number {
    return this.lost;
  }

  close(): void {
    clearTimeout(this.timer);
    this.tell();
  }

  private tell(): void {
    if (this.lost === this.told) return;
    this.told = this.lost;
    this.log.warning(`${this.place}: ${this.lost} ended flows were lost until now`);
  }
}

/** The log of ended flows. */
export class FlowLog {
  private readonly sinks: readonly FlowLogSink[];
  private second = -1;
  private time = '';

  constructor(sinks: readonly FlowLogSink[]) {
    this.sinks = sinks;
  }

  /** False if nobody wants to know. */
  get wanted(): boolean {
    return this.sinks.length > 0;
  }

  /** @param now milliseconds since 1970 */
  add(now: number, text: string): void {
    const second = Math.floor(now / 1000);
    if (second !== this.second) {
      this.second = second;
      this.time = ctime(new Date(now));
    }
    for (const sink of this.sinks) sink.add(this.time, text);
  }

  reopen(): void {
    for (const sink of this.sinks) sink.reopen();
  }

  async close(): Promise<void> {
    await Promise.all(this.sinks.map((sink) => sink.close()));
  }
}
