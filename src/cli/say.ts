import { processConsole } from '../daemon/process/console.ts';
import { logLine } from '../daemon/process/log-line.ts';

/** Writes a line to standard error as the log has it. */
export function say(priority: 'warning' | 'ERROR', text: string): void {
  processConsole('stderr', logLine(new Date(), process.pid, priority, text));
}
