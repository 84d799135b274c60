import type { ClauseValues } from './clause-values.ts';
import type { Clause, Cursor } from './cursor.ts';
import { DEFAULTS, LIMITS } from './defaults.ts';
import { readLogFile, readSyslog } from './values.ts';

/** `Stats { ... }`. */
export function readStats(cursor: Cursor, values: ClauseValues): void {
  cursor.block(
    new Map<string, Clause>([
      [
        'LogFile',
        () => {
          values.statsLogFile = readLogFile(cursor, {
            label: 'stats LogFile path',
            limit: LIMITS.pathLength,
            standard: DEFAULTS.statsLogFile,
            before: values.statsLogFile,
          });
        },
      ],
      [
        'Syslog',
        () => {
          values.statsSyslogFacility = readSyslog(cursor, {
            unknown: 'ignoring.',
            before: values.statsSyslogFacility,
            other: values.syslogFacility,
          });
        },
      ],
    ]),
  );
}
