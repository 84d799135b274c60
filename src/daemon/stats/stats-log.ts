import { type Cancel, PROCESS_RUNTIME, type Runtime } from '../common/runtime.ts';
import type { WriteLine } from '../process/log-entry.ts';
import { ctime } from '../process/log-line.ts';

/** The daemon's log, for reports about the log of ended flows. */
export interface LossLog {
  readonly notice: WriteLine;
  readonly warning: WriteLine;
  readonly error: WriteLine;
}

/** A destination of the log of ended flows. No method blocks, and none but `reopen` throws. */
export interface FlowLogSink {
  /** @param time local time as `ctime` lays it out */
  add(time: string, text: string): void;
  /** Lines that were lost. */
  readonly lostLines: number;
  /** Opens the file again: it was moved away. */
  reopen(): void;
  /** Writes what is left, for a few seconds at most. */
  close(): Promise<void>;
}

/** Time between two reports of lost lines. */
const REPORT_INTERVAL_MS = 60_000;

/** Reports trouble with a destination: once when it begins, once when it ends, and how many lines are lost, once a minute. */
export class LossReport {
  private readonly log: LossLog;
  private readonly place: string;
  private trouble: string | undefined;
  private lost = 0;
  private reported = 0;
  private readonly runtime: Runtime;
  private cancelReport: Cancel | undefined;

  /** @param place as in `stats log file /var/log/conntrackd-stats.log` */
  constructor(log: LossLog, place: string, runtime: Runtime = PROCESS_RUNTIME) {
    this.log = log;
    this.runtime = runtime;
    this.place = place;
  }

  failed(reason: string): void {
    if (this.trouble === reason) return;
    this.trouble = reason;
    this.log.error(`${this.place}: ${reason}: trying again, flows that end meanwhile wait in memory`, {
      event: 'flow_log_failed',
      place: this.place,
      reason,
    });
  }

  works(): void {
    if (this.trouble === undefined) return;
    this.trouble = undefined;
    this.log.notice(`${this.place}: can be written to again`, { event: 'flow_log_works', place: this.place });
  }

  lose(lines: number): void {
    this.lost += lines;
    if (this.cancelReport !== undefined || this.lost === this.reported) return;
    this.reportLost();
    this.cancelReport = this.runtime.after(REPORT_INTERVAL_MS, () => {
      this.cancelReport = undefined;
      this.reportLost();
    });
  }

  /** How many lines are lost. */
  get lostLines(): number {
    return this.lost;
  }

  close(): void {
    this.cancelReport?.();
    this.reportLost();
  }

  private reportLost(): void {
    if (this.lost === this.reported) return;
    this.reported = this.lost;
    this.log.warning(`${this.place}: ${this.lost} ended flows were lost until now`, {
      event: 'flow_log_lost',
      place: this.place,
      lines_total: this.lost,
    });
  }
}

/** The log of ended flows, with all its destinations. */
export class FlowLog {
  private readonly sinks: readonly FlowLogSink[];
  private second = -1;
  private time = '';

  constructor(sinks: readonly FlowLogSink[]) {
    this.sinks = sinks;
  }

  /** Whether the log has a destination. */
  get wanted(): boolean {
    return this.sinks.length > 0;
  }

  /** Lines that were lost, over all destinations. */
  get lostLines(): number {
    return this.sinks.reduce((sum, sink) => sum + sink.lostLines, 0);
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
