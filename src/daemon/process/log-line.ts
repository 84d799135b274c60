import type { Priority } from './log-entry.ts';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] as const;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

function two(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** Local time as ISO C's `asctime` lays it out, without its newline: `Sun Nov 22 09:36:01 2026`, `Sun Nov  1 ...`. */
export function ctime(time: Date): string {
  const date = String(time.getDate()).padStart(2);
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
  return `${DAYS[time.getDay()]} ${MONTHS[time.getMonth()]} ${date} ${clock} ${time.getFullYear()}`;
}

/** One log line with its newline: `[Sun Nov 22 09:36:01 2026] (pid=123) [notice] initialization completed`. */
export function logLine(time: Date, pid: number, priority: Priority, text: string): string {
  return `[${ctime(time)}] (pid=${pid}) [${priority}] ${text}\n`;
}
