import type { ClauseValues } from './clause-values.ts';
import type { Clause, Cursor } from './cursor.ts';
import { LIMITS } from './defaults.ts';
import { readLink } from './grammar-link.ts';
import type { Token } from './tokens.ts';
import { UINT32_MAX } from './values.ts';

/** `Sync { ... }`. Several Sync clauses add up. */
export function readSync(cursor: Cursor, values: ClauseValues): void {
  const timers = timerClauses(cursor, values);
  cursor.block(
    new Map<string, Clause>([
      ...timers,
      ['Multicast', (keyword) => readLink(cursor, values, 'multicast', keyword)],
      ['UDP', (keyword) => readLink(cursor, values, 'udp', keyword)],
      ['TCP', (keyword) => readLink(cursor, values, 'tcp', keyword)],
      ['Mode', () => readMode(cursor, values, timers)],
      ['Options', () => readOptions(cursor, values)],
    ]),
  );
}

type Clauses = readonly (readonly [string, Clause])[];

/** These stand in Sync itself or in a Mode, and mean the same there. */
function timerClauses(cursor: Cursor, values: ClauseValues): Clauses {
  return [
    [
      'RefreshTime',
      (keyword) => {
        values.refreshTime = cursor.number(keyword);
      },
    ],
    [
      'CacheTimeout',
      (keyword) => {
        values.cacheTimeout = cursor.number(keyword);
      },
    ],
    [
      'CommitTimeout',
      (keyword) => {
        values.commitTimeout = cursor.number(keyword);
        values.commitTimeoutKeyword = keyword;
      },
    ],
    [
      'PurgeTimeout',
      (keyword) => {
        values.purgeTimeout = cursor.number(keyword, UINT32_MAX);
      },
    ],
  ];
}

function readMode(cursor: Cursor, values: ClauseValues, timers: Clauses): void {
  const keyword = cursor.take('mode');
  const mode = currentName(cursor, keyword);
  const common = timers.filter(([name]) => name === 'CommitTimeout' || name === 'PurgeTimeout');
  const external: Clauses = [
    [
      'DisableExternalCache',
      () => {
        values.disableExternalCache = cursor.onOff();
      },
    ],
    [
      'StartupResync',
      () => {
        values.startupResync = cursor.onOff();
      },
    ],
  ];
  const ftfw: Clauses = [
    [
      'ResendQueueSize',
      (word) => {
        values.resendQueueSize = cursor.number(word, UINT32_MAX);
      },
    ],
    [
      'ACKWindowSize',
      (word) => {
        values.ackWindowSize = cursor.number(word, UINT32_MAX);
      },
    ],
  ];
  const notrack: Clauses = [
    [
      'DisableInternalCache',
      () => {
        values.disableInternalCache = cursor.onOff();
      },
    ],
  ];
  const clauses = {
    alarm: timers,
    ftfw: [...ftfw, ...common, ...external],
    notrack: [...common, ...notrack, ...external],
  };
  cursor.block(new Map(clauses[mode]));
  values.modes.push({ keyword, mode });
}

function currentName(cursor: Cursor, keyword: Token): 'ftfw' | 'alarm' | 'notrack' {
  const name = keyword.text.toLowerCase();
  if (name === 'ftfw' || name === 'alarm' || name === 'notrack') return name;
  const current = name === 'nack' ? 'ftfw' : 'alarm';
  cursor.warn(
    keyword,
    `Now \`${name}' mode is called \`${current}'. Please, update your conntrackd.conf file.`,
  );
  return current;
}

function readOptions(cursor: Cursor, values: ClauseValues): void {
  cursor.block(
    new Map<string, Clause>([
      [
        'TCPWindowTracking',
        () => {
          values.tcpWindowTracking = cursor.onOff();
        },
      ],
      ['ExpectationSync', () => readExpectationSync(cursor, values)],
    ]),
  );
}

function readExpectationSync(cursor: Cursor, values: ClauseValues): void {
  const value = cursor.peek();
  if (value.kind !== 'symbol' || value.text !== '{') {
    values.expectationSync = cursor.onOff("`{'");
    return;
  }
  const known = new Set(values.expectationHelpers.map((name) => name.toLowerCase()));
  cursor.list(['name'], [], (token) => {
    const name = token.text.slice(0, LIMITS.helperNameLength);
    if (known.has(name.toLowerCase())) return;
    known.add(name.toLowerCase());
    values.expectationHelpers.push(name);
  });
  values.expectationSync = true;
}
