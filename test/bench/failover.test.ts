import { describe, expect, test } from 'vitest';
import { isDecided, outcomeOf, survivalOf } from '../../bench/failover/outcome.ts';
import { defaultWays } from '../../bench/failover/run.ts';
import type { EndReport } from '../../bench/failover/talker.ts';
import { VARIANTS } from '../../bench/failover/traffic.ts';
import { isSupported, WAYS } from '../../bench/failover/way.ts';
import { parseOptions } from '../../bench/options.ts';
import { failoverTablesOf } from '../../bench/report/failover-table.ts';

const both = VARIANTS.find(({ name }) => name === 'tcp')!.traffic;
const fromServer = VARIANTS.find(({ name }) => name === 'tcp-from-server')!.traffic;
/** The failover of these reports. */
const SINCE_MS = 1000;

function endOf(id: number, more: Partial<EndReport>): EndReport {
  return { id, received: 10, missed: 0, receivedAt: 1100, gapMs: 100, ...more };
}

function reportOf(client: readonly EndReport[], server: readonly EndReport[]) {
  return {
    client: { connections: client, lateP99Ms: 1 },
    server: { connections: server, lateP99Ms: 2 },
  };
}

describe('the survival of connections', () => {
  const report = reportOf(
    [
      endOf(0, { gapMs: 300 }),
      endOf(1, { ended: 'ECONNRESET' }),
      endOf(2, {}),
      endOf(3, { receivedAt: 900 }),
      endOf(4, { gapMs: 150 }),
    ],
    // In another order: the ids show what belongs together.
    [
      endOf(4, { gapMs: 170, missed: 2 }),
      endOf(3, { receivedAt: 900 }),
      endOf(2, { ended: 'closed' }),
      endOf(1, {}),
      endOf(0, {}),
    ],
  );

  test('is lost where either end is reset, or has received nothing since', () => {
    expect(survivalOf(report, both, SINCE_MS)).toEqual({
      reset: 2,
      silent: 1,
      silenceMs: [300, 170],
      missed: 2,
    });
    expect(isDecided(report, both, SINCE_MS)).toBe(false);
    expect(isDecided(report, both, 800)).toBe(true);
  });

  test('needs no message at an end to which nobody sends', () => {
    const quiet = reportOf([endOf(0, { gapMs: 120 })], [endOf(0, { receivedAt: 10, gapMs: 5000 })]);
    expect(survivalOf(quiet, fromServer, SINCE_MS)).toMatchObject({ silent: 0, silenceMs: [120] });
    expect(survivalOf(quiet, both, SINCE_MS)).toMatchObject({ silent: 1, silenceMs: [] });
  });

  test('becomes an outcome: without survivors there is no silence to report', () => {
    const times = { movedMs: 3, committedMs: 20 };
    expect(outcomeOf(survivalOf(report, both, SINCE_MS), report, times)).toMatchObject({
      ...{ lost: 3, reset: 2, silent: 1, silenceMedianMs: 235, movedMs: 3, committedMs: 20, lateP99Ms: 2 },
    });
    const dead = reportOf([endOf(0, { ended: 'ECONNRESET' })], [endOf(0, {})]);
    expect(outcomeOf(survivalOf(dead, both, SINCE_MS), dead, times).silenceMedianMs).toBeUndefined();
  });

  test('is an error for a connection that only one end knows', () => {
    expect(() => survivalOf(reportOf([endOf(0, {})], []), both, SINCE_MS)).toThrow('connection 0');
  });
});

describe('the ways', () => {
  test('without a choice are all that are no controls and whose settings this program knows', () => {
    const names = defaultWays().map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining(['c-script', 'ours-script', 'ours-fifo', 'c-hot', 'ours-hot']),
    );
    expect(names).not.toContain('no-commit');
    expect(names.includes('ours-guard')).toBe(isSupported(WAYS.find(({ name }) => name === 'ours-guard')!));
  });

  test('with settings that nobody knows are left out', () => {
    expect(isSupported({ ...WAYS[0]!, settings: () => '[failover.magic]\nstrength = 3\n' })).toBe(false);
  });
});

describe('the options', () => {
  test('name what is to run', () => {
    const { failover } = parseOptions(
      '--rounds 2 --idle-flows 0,500 --variants udp,tcp6 --ways ours-fifo,no-commit --inputs drops'.split(
        ' ',
      ),
    );
    expect(failover).toMatchObject({ rounds: 2, idleFlows: [0, 500], inputs: ['drops'] });
    expect(failover.variants.map(({ name }) => name)).toEqual(['udp', 'tcp6']);
    expect(failover.ways.map(({ name }) => name)).toEqual(['ours-fifo', 'no-commit']);
  });

  test('have defaults', () => {
    const { failover } = parseOptions([]);
    expect(failover).toMatchObject({
      rounds: 5,
      idleFlows: [0, 50_000, 200_000],
      inputs: ['accepts', 'drops'],
    });
    expect(failover.variants.map(({ name }) => name)).toEqual(['tcp']);
    expect(parseOptions(['--quick']).failover.idleFlows).toEqual([0]);
  });

  test.each([
    ['--variants', 'magic', 'no variant magic; there are tcp, '],
    ['--ways', 'c-script,magic', 'no way magic; there are c-script, '],
    ['--inputs', 'rejects', 'no input rejects; there are accepts, drops'],
    ['--idle-flows', '1e3', "--idle-flows: `1e3' is no number"],
    ['--idle-flows', '', "--idle-flows: `' is no number"],
  ])('%s %s is refused', (option, value, message) => {
    expect(() => parseOptions([option, value])).toThrow(message);
  });
});

test('the table has a column for each way, and a row for each figure of each set', () => {
  const options = parseOptions('--idle-flows 0,50000 --ways c-script,c-hot --inputs accepts'.split(' '));
  const outcome = { lost: 7, reset: 7, silent: 0, missed: 0, silenceMedianMs: 101.6, silenceP99Ms: 202 };
  const rounds = [
    { ...outcome, movedMs: 5, committedMs: 20.4, lateP99Ms: 2 },
    { ...outcome, lost: 9, movedMs: 5, committedMs: 30.4, lateP99Ms: 2 },
  ];
  const cells = [{ variant: 'tcp', way: 'c-script', input: 'accepts', idleFlows: 50_000, rounds }] as const;
  const [title, , head, , ...rows] = failoverTablesOf({ options: options.failover, cells }).split('\n');
  expect(title).toBe('300 connections: TCP, both ends talk');
  expect(head).toMatch(/ C, script \| +C, hot standby \|$/);
  expect(rows).toHaveLength(10);
  expect(rows[5]).toMatch(/^\| 50,000 +\| accepts +\| lost of 300 +\| +8 \(7 \.\. 9\) \| +– \|$/);
  expect(rows[6]).toMatch(/committed after, ms +\| +25 \(20 \.\. 30\) \|/);
});
