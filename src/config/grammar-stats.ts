import type { Clause, Cursor } from './cursor.ts';
import { DEFAULTS, LIMITS } from './defaults.ts';
import type { Draft } from './draft.ts';
import { readLogFile, readSyslog } from './values.ts';

/** `Stats { ... }`. */
export function readStats(cursor: Cursor, draft: Draft): void {
  cursor.block(
    new Map<string, Clause>([
      [
        'LogFile',
        () => {
          draft.statsLogFile = readLogFile(cursor, {
            label: 'stats LogFile path',
            limit: LIMITS.pathLength,
            standard: DEFAULTS.statsLogFile,
            before: draft.statsLogFile,
          });
        },
      ],
      [
        'Syslog',
        () => {
          draft.statsSyslogFacility = readSyslog(cursor, {
            unknown: 'ignoring.',
            before: draft.statsSyslogFacility,
            other: draft.syslogFacility,
          });
        },
      ],
    ]),
  );
}
