import { hostname } from 'node:os';
import type { LogFormatName } from '../../settings/settings.ts';
import type { LogEntry, LogFields, Priority } from './log-entry.ts';
import { ctime, logLine } from './log-line.ts';

/** How lines of the log are laid out; each ends with a newline. */
export interface LogFormat {
  /** As the console shows the entry: one line. */
  forConsole(entry: LogEntry): string;
  /** As a log file has it: in text, its subject is a second line. */
  forFile(entry: LogEntry): string;
}

/** C's lines. */
export const TEXT_FORMAT: LogFormat = {
  forConsole: textLine,
  forFile: (entry) => textLine(entry) + subjectLine(entry),
};

/** One object a line: docs/json.md and docs/schema/log-line.json describe it. */
export const JSON_FORMAT: LogFormat = { forConsole: jsonLine, forFile: jsonLine };

export function logFormatOf(name: LogFormatName): LogFormat {
  return name === 'json' ? JSON_FORMAT : TEXT_FORMAT;
}

/** A line that this process writes now. */
export function entryNow(priority: Priority, message: string, fields?: LogFields): LogEntry {
  return { time: new Date(), pid: process.pid, priority, message, fields };
}

/** The text of a subject, from which no peer can make lines of its own: it chooses names in it. */
export function printable(subject: string): string {
  return subject.replace(/\p{Cc}/gu, '?');
}

function textLine({ time, pid, priority, message }: LogEntry): string {
  return logLine(time, pid, priority, message);
}

function subjectLine({ time, fields }: LogEntry): string {
  return fields?.subject === undefined ? '' : `${ctime(time)}\t${printable(fields.subject)}\n`;
}

function jsonLine({ time, pid, priority, message, fields }: LogEntry): string {
  const head = { time: time.toISOString(), level: priority.toLowerCase(), message, pid, host: hostname() };
  return `${JSON.stringify({ ...head, ...fields }, rounded)}\n`;
}

/** Numbers with three decimals at most. */
function rounded(_name: string, value: unknown): unknown {
  return typeof value === 'number' ? Math.round(value * 1000) / 1000 : value;
}
