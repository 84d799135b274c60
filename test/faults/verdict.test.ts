import { describe, expect, test } from 'vitest';
import { parseOptions } from '../../sim/faults/options.ts';
import { chosenScenarios, SCENARIOS } from '../../sim/faults/registry.ts';
import { jsonOf, tableOf } from '../../sim/faults/table.ts';
import { complaintsAbout } from '../../sim/faults/verdict.ts';

const EQUAL = { lacks: 0, dead: 0, recoverMs: 700 };

describe('a verdict', () => {
  test('has no complaint about a pair that is equal in time', () => {
    expect(complaintsAbout(EQUAL, {})).toEqual([]);
  });

  test.each([
    ['lacks 7', { lacks: 7, dead: 0 }, {}],
    ['7 dead ones', { lacks: 0, dead: 7 }, {}],
    ['equal after 5001 ms, at most 5000 ms expected', { ...EQUAL, recoverMs: 5_001 }, {}],
    ['no answer', { trouble: 'no answer' }, {}],
    ['not equal in time', {}, {}],
    ['3 planted', { ...EQUAL, planted: 3 }, {}],
    ['none of 9 datagrams refused and counted', { ...EQUAL, offered: 9 }, { refused: true }],
    ['8 of 9 datagrams refused and counted', { ...EQUAL, offered: 9, refused: 8 }, { refused: true }],
    ['bytes sent 101, at most 100 expected', { ...EQUAL, bytesSent: 101 }, { bytesSentMax: 100 }],
    ['messages lost unknown, at most 5 expected', EQUAL, { lostMax: 5 }],
    [
      'control socket answered after Infinity ms, at most 10 ms expected',
      { ...EQUAL, answerMs: Number.POSITIVE_INFINITY },
      { answerMsMax: 10 },
    ],
  ])('complains: %s', (complaint, outcome, target) => {
    expect(complaintsAbout(outcome, target)).toContain(complaint);
  });

  test('accepts an attack of which every datagram was refused', () => {
    expect(complaintsAbout({ ...EQUAL, offered: 9, refused: 9 }, { refused: true })).toEqual([]);
  });
});

test('the table has a row for each scenario, and marks what is not as it should be', () => {
  const [first, second] = SCENARIOS;
  const findings = [
    { scenario: first!, kind: 'c', outcome: { lacks: 5, dead: 0 }, complaints: ['lacks 5'] },
    { scenario: first!, kind: 'ours', outcome: { lacks: 1_000, dead: 2 }, complaints: ['lacks 1000'] },
    { scenario: second!, kind: 'ours', outcome: EQUAL, complaints: [] },
  ] as const;
  expect(tableOf(findings).split('\n')).toEqual([
    '| fault | C | ours |',
    '|---|---|---|',
    `| ${first!.title} | lacks 5 | **lacks 1,000; 2 dead ones** |`,
    `| ${second!.title} |  | equal after 0.7 s |`,
  ]);
  expect(JSON.parse(jsonOf(findings))).toMatchObject([
    { name: first!.name, pair: 'c', outcome: { lacks: 5 } },
    { name: first!.name, pair: 'ours', complaints: ['lacks 1000'] },
    { name: second!.name, outcome: EQUAL },
  ]);
});

test('what a primary itself lacks is told, and is no complaint', () => {
  const outcome = { ...EQUAL, own: { lacks: 2_000, dead: 1 } };
  const complaints = complaintsAbout(outcome, {});
  expect(complaints).toEqual([]);
  const told = (own: typeof outcome.own) =>
    tableOf([{ scenario: SCENARIOS[0]!, kind: 'mixed', outcome: { ...EQUAL, own }, complaints }]);
  expect(told(outcome.own)).toContain(
    "| equal after 0.7 s; the primary's own cache lacks 2,000, 1 dead ones |",
  );
  expect(told({ lacks: 0, dead: 0 })).toContain('| equal after 0.7 s |');
});

describe('the command line', () => {
  test('names every scenario once', () => {
    expect(new Set(SCENARIOS.map(({ name }) => name)).size).toBe(SCENARIOS.length);
    expect(chosenScenarios('outage').map(({ name }) => name)).toEqual(['outage']);
  });

  test.each([
    [['--only', 'nothing'], /--only: `nothing' is unknown; expected one of stranger-new-udp, /],
    [['--only', 'outrage'], "--only: `outrage' is unknown; did you mean `outage'?"],
    [['--program', 'theirs'], "--program: `theirs' is unknown; expected one of c, ours, mixed"],
    [['--flows', '-1'], /--flows/],
    [['--flows', '1.5'], "--flows: `1.5' is no count"],
  ])('refuses %j', (args, message) => {
    expect(() => parseOptions(args)).toThrow(message);
  });
});
