import type { Clause, Cursor } from './cursor.ts';
import { isOn } from './cursor.ts';
import { DEFAULTS, LIMITS } from './defaults.ts';
import type { Draft } from './draft.ts';
import { readFilter } from './grammar-filter.ts';
import type { Token } from './tokens.ts';
import { readLogFile, readPath, readSyslog, UINT32_MAX } from './values.ts';

/** `General { ... }`. */
export function readGeneral(cursor: Cursor, draft: Draft): void {
  const bufferSize: Clause = (keyword) => {
    draft.netlinkBufferSize = cursor.number(keyword, UINT32_MAX);
  };
  const bufferSizeMaxGrowth: Clause = (keyword) => {
    draft.netlinkBufferSizeMaxGrowth = cursor.number(keyword, UINT32_MAX);
  };
  cursor.block(
    new Map<string, Clause>([
      [
        'HashSize',
        (keyword) => {
          draft.hashSize = cursor.number(keyword);
        },
      ],
      [
        'HashLimit',
        (keyword) => {
          draft.hashLimit = cursor.number(keyword);
        },
      ],
      [
        'LogFile',
        () => {
          draft.logFile = readLogFile(cursor, {
            label: 'LogFile path',
            limit: LIMITS.pathLength,
            standard: DEFAULTS.logFile,
            before: draft.logFile,
          });
        },
      ],
      [
        'Syslog',
        () => {
          draft.syslogFacility = readSyslog(cursor, {
            unknown: 'ignoring',
            before: draft.syslogFacility,
            other: draft.statsSyslogFacility,
          });
        },
      ],
      [
        'LockFile',
        () => {
          draft.lockFile = readPath(cursor, 'LockFile path', LIMITS.pathLength);
        },
      ],
      ['UNIX', () => readUnix(cursor, draft)],
      ['NetlinkBufferSize', bufferSize],
      ['NetlinkBufferSizeMaxGrowth', bufferSizeMaxGrowth],
      ['SocketBufferSize', bufferSize],
      ['SocketBufferSizeMaxGrowth', bufferSizeMaxGrowth],
      ['SocketBufferSizeMaxGrown', bufferSizeMaxGrowth],
      [
        'NetlinkOverrunResync',
        (keyword) => {
          const token = cursor.take('switch', 'number');
          if (token.kind === 'number') draft.overrunResync = cursor.valueOf(keyword, token);
          else draft.overrunResync = isOn(token) ? DEFAULTS.overrunResync : -1;
        },
      ],
      [
        'NetlinkEventsReliable',
        () => {
          draft.eventsReliable = cursor.onOff();
        },
      ],
      [
        'EventIterationLimit',
        (keyword) => {
          draft.eventIterationLimit = cursor.number(keyword);
        },
      ],
      ['PollSecs', (keyword) => readPollSecs(cursor, draft, keyword)],
      ['Filter', () => readFilter(cursor, draft)],
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
      ['Scheduler', () => readScheduler(cursor, draft)],
      [
        'Systemd',
        () => {
          draft.systemd = cursor.onOff();
        },
      ],
    ]),
  );
}

function readUnix(cursor: Cursor, draft: Draft): void {
  cursor.block(
    new Map<string, Clause>([
      [
        'Path',
        () => {
          draft.unixPath = readPath(cursor, 'Path', LIMITS.unixPathLength);
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

function readPollSecs(cursor: Cursor, draft: Draft, keyword: Token): void {
  const token = cursor.take('number');
  draft.pollSeconds = cursor.valueOf(keyword, token);
  if (draft.pollSeconds === 0) throw cursor.refuse(token, "`PollSecs' clause must be > 0");
}

function readScheduler(cursor: Cursor, draft: Draft): void {
  cursor.block(
    new Map<string, Clause>([
      [
        'Type',
        () => {
          const token = cursor.take('name');
          const type = token.text.toLowerCase();
          if (type !== 'rr' && type !== 'fifo')
            throw cursor.refuse(token, `unknown scheduler \`${token.text}'`);
          draft.schedulerType = type;
        },
      ],
      [
        'Priority',
        () => {
          const token = cursor.take('number');
          draft.schedulerPriority = Number(token.text);
          if (draft.schedulerPriority > 99) throw cursor.refuse(token, "`Priority' must be [0, 99]");
        },
      ],
    ]),
  );
}
