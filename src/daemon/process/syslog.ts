import { openlog, syslog } from '../../system/syslog.ts';
import type { Priority } from './log-entry.ts';

/** Priorities of syslog(3) by ours. */
export const LOG_PRIORITIES: Readonly<Record<Priority, number>> = {
  ERROR: 3,
  warning: 4,
  notice: 5,
  info: 6,
};

/** Facilities of syslog(3) by the names that conntrackd.conf knows. */
export const FACILITIES: Readonly<Record<string, number>> = {
  daemon: 3 << 3,
  local0: 16 << 3,
  local1: 17 << 3,
  local2: 18 << 3,
  local3: 19 << 3,
  local4: 20 << 3,
  local5: 21 << 3,
  local6: 22 << 3,
  local7: 23 << 3,
};

const LOG_PID = 1;

/** The C program's name, which log filters are written for. */
export const SYSLOG_IDENT = 'conntrack-tools';

/** The system's log. */
export interface Syslog {
  write(priority: number, text: string): void;
}

/** Opens the system's log. */
export function openSyslog(facility: string): Syslog {
  openlog(SYSLOG_IDENT, LOG_PID, FACILITIES[facility]!);
  return { write: (priority, text) => syslog(priority, text) };
}
