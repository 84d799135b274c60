import type { Clause, Cursor } from './cursor.ts';
import { LIMITS } from './defaults.ts';
import type { Draft } from './draft.ts';
import { readLink } from './grammar-link.ts';
import type { Token } from './tokens.ts';
import { UINT32_MAX } from './values.ts';

/** `Sync { ... }`. Several Sync clauses add up. */
export function readSync(cursor: Cursor, draft: Draft): void {
  const timers = timerClauses(cursor, draft);
  cursor.block(
    new Map<string, Clause>([
      ...timers,
      ['Multicast', (keyword) => readLink(cursor, draft, 'multicast', keyword)],
      ['UDP', (keyword) => readLink(cursor, draft, 'udp', keyword)],
      ['TCP', (keyword) => readLink(cursor, draft, 'tcp', keyword)],
      ['Mode', () => readMode(cursor, draft, timers)],
      ['Options', () => readOptions(cursor, draft)],
    ]),
  );
}

type Clauses = readonly (readonly [string, Clause])[];

/** These stand in Sync itself or in a Mode, and mean the same there. */
function timerClauses(cursor: Cursor, draft: Draft): Clauses {
  return [
    [
      'RefreshTime',
      (keyword) => {
        draft.refreshTime = cursor.number(keyword);
      },
    ],
    [
      'CacheTimeout',
      (keyword) => {
        draft.cacheTimeout = cursor.number(keyword);
      },
    ],
    [
      'CommitTimeout',
      (keyword) => {
        draft.commitTimeout = cursor.number(keyword);
        draft.commitTimeoutKeyword = keyword;
      },
    ],
    [
      'PurgeTimeout',
      (keyword) => {
        draft.purgeTimeout = cursor.number(keyword, UINT32_MAX);
      },
    ],
  ];
}

function readMode(cursor: Cursor, draft: Draft, timers: Clauses): void {
  const keyword = cursor.take('mode');
  const mode = currentName(cursor, keyword);
  const common = timers.filter(([name]) => name === 'CommitTimeout' || name === 'PurgeTimeout');
  const external: Clauses = [
    [
      'DisableExternalCache',
      () => {
        draft.disableExternalCache = cursor.onOff();
      },
    ],
    [
      'StartupResync',
      () => {
        draft.startupResync = cursor.onOff();
      },
    ],
  ];
  const ftfw: Clauses = [
    [
      'ResendQueueSize',
      (word) => {
        draft.resendQueueSize = cursor.number(word, UINT32_MAX);
      },
    ],
    [
      'ACKWindowSize',
      (word) => {
        draft.ackWindowSize = cursor.number(word, UINT32_MAX);
      },
    ],
  ];
  const notrack: Clauses = [
    [
      'DisableInternalCache',
      () => {
        draft.disableInternalCache = cursor.onOff();
      },
    ],
  ];
  const clauses = {
    alarm: timers,
    ftfw: [...ftfw, ...common, ...external],
    notrack: [...common, ...notrack, ...external],
  };
  cursor.block(new Map(clauses[mode]));
  draft.modes.push({ keyword, mode });
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

function readOptions(cursor: Cursor, draft: Draft): void {
  cursor.block(
    new Map<string, Clause>([
      [
        'TCPWindowTracking',
        () => {
          draft.tcpWindowTracking = cursor.onOff();
        },
      ],
      ['ExpectationSync', () => readExpectationSync(cursor, draft)],
    ]),
  );
}

function readExpectationSync(cursor: Cursor, draft: Draft): void {
  const value = cursor.peek();
  if (value.kind !== 'symbol' || value.text !== '{') {
    draft.expectationSync = cursor.onOff("`{'");
    return;
  }
  const known = new Set(draft.expectationHelpers.map((name) => name.toLowerCase()));
  cursor.list(['name'], [], (token) => {
    const name = token.text.slice(0, LIMITS.helperNameLength);
    if (known.has(name.toLowerCase())) return;
    known.add(name.toLowerCase());
    draft.expectationHelpers.push(name);
  });
  draft.expectationSync = true;
}
