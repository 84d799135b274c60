import { logLine } from '../daemon/process/log-line.ts';

/** How this process was started: the usage and the log lines show it. */
export interface Invocation {
  /** What the program was called as. */
  readonly program: string;
  readonly pid: number;
  readonly now: Date;
}

/** The warnings of a command as log lines for standard error. */
export function warningLines(warnings: readonly string[], { now, pid }: Invocation): string {
  return warnings.map((warning) => logLine(now, pid, 'warning', warning)).join('');
}
