import type { ClauseValues } from './clause-values.ts';
import type { Clause, Cursor } from './cursor.ts';
import { isOn } from './cursor.ts';
import { DEFAULTS, LIMITS } from './defaults.ts';
import { readFilter } from './grammar-filter.ts';
import type { Token } from './tokens.ts';
import { readLogFile, readPath, readSyslog, UINT32_MAX } from './values.ts';

/** `General { ... }`. */
export function readGeneral(cursor: Cursor, values: ClauseValues): void {
  const bufferSize: Clause = (keyword) => {
    values.netlinkBufferSize = cursor.number(keyword, UINT32_MAX);
  };
  const bufferSizeMaxGrowth: Clause = (keyword) => {
    values.netlinkBufferSizeMaxGrowth = cursor.number(keyword, UINT32_MAX);
  };
  cursor.block(
    new Map<string, Clause>([
      [
        'HashSize',
        (keyword) => {
          values.hashSize = cursor.number(keyword);
        },
      ],
      [
        'HashLimit',
        (keyword) => {
          values.hashLimit = cursor.number(keyword);
        },
      ],
      [
        'LogFile',
        () => {
          values.logFile = readLogFile(cursor, {
            label: 'LogFile path',
            limit: LIMITS.pathLength,
            standard: DEFAULTS.logFile,
            before: values.logFile,
          });
        },
      ],
      [
        'Syslog',
        () => {
          values.syslogFacility = readSyslog(cursor, {
            unknown: 'ignoring',
            before: values.syslogFacility,
            other: values.statsSyslogFacility,
          });
        },
      ],
      [
        'LockFile',
        () => {
          values.lockFile = readPath(cursor, 'LockFile path', LIMITS.pathLength);
        },
      ],
      ['UNIX', () => readUnix(cursor, values)],
      ['NetlinkBufferSize', bufferSize],
      ['NetlinkBufferSizeMaxGrowth', bufferSizeMaxGrowth],
      ['SocketBufferSize', bufferSize],
      ['SocketBufferSizeMaxGrowth', bufferSizeMaxGrowth],
      ['SocketBufferSizeMaxGrown', bufferSizeMaxGrowth],
      [
        'NetlinkOverrunResync',
        (keyword) => {
          const token = cursor.take('switch', 'number');
          if (token.kind === 'number') values.overrunResync = cursor.valueOf(keyword, token);
          else values.overrunResync = isOn(token) ? DEFAULTS.overrunResync : -1;
        },
      ],
      [
        'NetlinkEventsReliable',
        () => {
          values.eventsReliable = cursor.onOff();
        },
      ],
      [
        'EventIterationLimit',
        (keyword) => {
          values.eventIterationLimit = cursor.number(keyword);
        },
      ],
      ['PollSecs', (keyword) => readPollSecs(cursor, values, keyword)],
      ['Filter', () => readFilter(cursor, values)],
      [
        'Nice',
        (keyword) => {
          cursor.take('signed');
          cursor.warn(
            keyword,
            'deprecated nice configuration, ignoring. The nice value can be set externally with nice(1) and renice(1).',
          );
        },
      ],
      ['Scheduler', () => readScheduler(cursor, values)],
      [
        'Systemd',
        () => {
          values.systemd = cursor.onOff();
        },
      ],
    ]),
  );
}

function readUnix(cursor: Cursor, values: ClauseValues): void {
  cursor.block(
    new Map<string, Clause>([
      [
        'Path',
        () => {
          values.unixPath = readPath(cursor, 'Path', LIMITS.unixPathLength);
        },
      ],
      [
        'Backlog',
        (keyword) => {
          cursor.number(keyword);
          cursor.warn(keyword, 'deprecated unix backlog configuration, ignoring.');
        },
      ],
    ]),
  );
}

function readPollSecs(cursor: Cursor, values: ClauseValues, keyword: Token): void {
  const token = cursor.take('number');
  values.pollSeconds = cursor.valueOf(keyword, token);
  if (values.pollSeconds === 0) throw cursor.refuse(token, "`PollSecs' clause must be > 0");
}

function readScheduler(cursor: Cursor, values: ClauseValues): void {
  cursor.block(
    new Map<string, Clause>([
      [
        'Type',
        () => {
          const token = cursor.take('name');
          const type = token.text.toLowerCase();
          if (type !== 'rr' && type !== 'fifo')
            throw cursor.refuse(token, `unknown scheduler \`${token.text}'`);
          values.schedulerType = type;
        },
      ],
      [
        'Priority',
        () => {
          const token = cursor.take('number');
          values.schedulerPriority = Number(token.text);
          if (values.schedulerPriority > 99) throw cursor.refuse(token, "`Priority' must be [0, 99]");
        },
      ],
    ]),
  );
}
