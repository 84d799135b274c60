import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Controls, pressKey } from '../../../src/cli/flows/top/keys.ts';
import { ORDERS } from '../../../src/cli/flows/top/ranking.ts';
import { type ScreenState, screenLines } from '../../../src/cli/flows/top/screen.ts';
import { keysIn } from '../../../src/cli/terminal/keys-in.ts';

const STATE: ScreenState = {
  by: 'src',
  order: 'flows',
  everyMs: 2000,
  isHeld: false,
  filterText: 'dport 443',
  isHelpShown: false,
  total: { flows: 1200, unreplied: 7, groups: 2, ungrouped: 0, newPerSecond: 12.5, endedPerSecond: 3 },
  maxFlows: 262_144,
  rows: [
    {
      key: '10.1.2.3',
      flows: 1000,
      share: 0.8333,
      newPerSecond: 12.5,
      unreplied: 7,
      bytes: 1.5e9,
      bytesPerSecond: 2500,
    },
    { key: '2001:db8:1234:5678:9abc:def0:1234:5678', flows: 200, share: 0.1667, unreplied: 0 },
  ],
};

const PLAIN = { columns: 80, lines: 24, isStyled: false };

describe('the screen', () => {
  test('shows at 80x24 what there is', () => {
    const lines = screenLines(STATE, PLAIN);
    expect(lines).toHaveLength(24);
    expect(lines.slice(0, 5)).toEqual([
      '1200 flows (0.5% of 262144), 7 unreplied, 13 new/s, 3 ended/s, every 2s',
      'by src, sorted by flows, filter: dport 443',
      'SRC                                 *FLOWS  SHARE   NEW/S  UNREPL  BYTES BYTES/S',
      '10.1.2.3                              1000  83.3%      13       7   1.5G    2.5k',
      '2001:db8:1234:5678:9abc:def0:123~      200  16.7%       -       0      -       -',
    ]);
    expect(lines[23]).toContain('q quit');
  });

  test('has room for an IPv6 address where the kernel counts no bytes', () => {
    const lines = screenLines({ ...STATE, rows: STATE.rows.slice(1) }, PLAIN);
    expect(lines[2]).toMatch(/UNREPL$/);
    expect(lines[3]).toMatch(/^2001:db8:1234:5678:9abc:def0:1234:5678 +200 +16\.7% +- +0$/);
  });

  test('fits any size, also with keys and filters that hold control characters', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 60 }),
        fc.string(),
        fc.option(fc.string(), { nil: undefined }),
        fc.boolean(),
        (columns, lines, key, typed, isHelpShown) => {
          const rows = Array.from({ length: lines }, () => ({ ...STATE.rows[0]!, key }));
          const state = {
            ...STATE,
            rows,
            isHelpShown,
            filterText: key,
            ...(typed === undefined ? {} : { typed }),
          };
          const shown = screenLines(state, { columns, lines, isStyled: false });
          expect(shown.length).toBeLessThanOrEqual(lines);
          for (const line of shown) {
            expect(line.length).toBeLessThanOrEqual(Math.max(2, columns));
            expect(line).toMatch(/^[\x20-\x7e]*$/);
          }
        },
      ),
    );
  });

  test('says by reverse video alone what it says without', () => {
    const styled = screenLines(STATE, { ...PLAIN, isStyled: true });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what styles the lines.
    expect(styled.map((line) => line.replaceAll(/\x1b\[\d*m/g, ''))).toEqual(screenLines(STATE, PLAIN));
  });
});

const CONTROLS: Controls = {
  by: 'src',
  order: 'flows',
  everyMs: 2000,
  isHeld: false,
  isHelpShown: false,
  filterText: '',
  isOver: false,
};

function after(...keys: readonly string[]): Controls {
  return keys.reduce(pressKey, CONTROLS);
}

describe('keys', () => {
  test('sort, group, hold, and quit', () => {
    expect(after('s').order).toBe('new');
    expect(after(...ORDERS.map(() => 's')).order).toBe('flows');
    expect(after('S').order).toBe('rate');
    expect(after('g').by).toBe('dst');
    expect(after('g', 'G').by).toBe('src');
    expect(pressKey({ ...CONTROLS, by: 'helper' }, 'g').by).toBe('src');
    expect(after(' ').isHeld).toBe(true);
    expect(after('h', 'h').isHelpShown).toBe(false);
    expect([after('q').isOver, after('\x03').isOver, after('/', '\x03').isOver]).toEqual([true, true, true]);
  });

  test('change how often it reads, within limits', () => {
    expect(after('+').everyMs).toBe(5000);
    expect(after('-').everyMs).toBe(1000);
    expect(after(...'-----').everyMs).toBe(1000);
    expect(after(...'+++++++++').everyMs).toBe(60_000);
  });

  test('type a filter', () => {
    expect(after(...'/udp q').typed).toBe('udp q');
    expect(after(...'/udp', '\r')).toEqual({ ...CONTROLS, filterText: 'udp' });
    expect(after(...'/udx', '\x7f', 'p', '\r').filterText).toBe('udp');
    expect(after(...'/udp', '\x15', ...'tcp', '\r').filterText).toBe('tcp');
    expect(after(...'/udp', '\x1b')).toEqual(CONTROLS);
  });

  test('say why a filter means nothing, and keep the one before', () => {
    const refused = after(...'/udp', '\r', '/', '\x15', ...'dprt 3', '\r');
    expect(refused).toEqual({
      ...CONTROLS,
      filterText: 'udp',
      message: expect.stringContaining("did you mean `dport'?"),
    });
    expect(pressKey(refused, 'x').message).toBeUndefined();
  });

  test('come one by one from what a terminal sends', () => {
    expect(keysIn('sg\x1b[A\x1bOBq\x1b')).toEqual(['s', 'g', '\x1b[A', '\x1bOB', 'q', '\x1b']);
    expect(after('\x1b[A', '\x1bOB', '\x1b[15~')).toEqual(CONTROLS);
  });
});
