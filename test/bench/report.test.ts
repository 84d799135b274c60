import { describe, expect, test } from 'vitest';
import type { Figure } from '../../bench/figure.ts';
import { svgOf } from '../../bench/report/svg.ts';
import { tableOf } from '../../bench/report/table.ts';
import { resultOf } from '../../bench/result.ts';

const cost: Figure = { id: 'cost', title: 'cost of <one>', unit: 'us', target: 0.5 };
const speed: Figure = { id: 'speed', title: 'speed', unit: '/s', target: 1.5, moreIsBetter: true };
const rounds = [
  { c: { cost: 10, speed: 100 }, ours: { cost: 4, speed: 120 } },
  { c: { cost: 20, speed: 200 }, ours: { cost: 9, speed: 280 } },
  { c: { cost: 30, speed: 300 }, ours: { cost: 18, speed: 600 } },
];

describe('a result', () => {
  test('has the medians of both kinds and the ratios of the rounds', () => {
    expect(resultOf('m', cost, rounds)).toMatchObject({
      measure: 'm',
      c: 20,
      ours: 9,
      ratio: { median: 0.45, least: 0.4, greatest: 0.6 },
      reached: true,
    });
  });

  test('knows which way its target lies', () => {
    expect(resultOf('m', speed, rounds)).toMatchObject({ ratio: { median: 1.4 }, reached: false });
  });

  test('may have a target for our own figure', () => {
    const own: Figure = { id: 'cost', title: 'cost', unit: 'times', oursAtMost: 8 };
    expect(resultOf('m', own, rounds)).toMatchObject({ ours: 9, reached: false });
    expect(resultOf('m', { ...own, oursAtMost: 9 }, rounds)).toMatchObject({ reached: true });
    expect(tableOf([resultOf('m', own, rounds)])).toMatch(/9\.00 times .* ours <= 8 times MISSED \|/);
  });

  test('may have a limit, where a round could tell it', () => {
    const limited = [
      { c: { cost: { value: 10, limit: 2 } }, ours: { cost: { value: 6, limit: 4 } } },
      { c: { cost: 10 }, ours: { cost: { value: 5, limit: undefined } } },
      { c: { cost: 10 }, ours: { cost: { value: 6, limit: 2 } } },
    ];
    const result = resultOf('m', cost, limited);
    expect(result).toMatchObject({ ours: 6, c: 10, limit: 3, overLimit: 2.25 });
    expect(tableOf([result])).toMatch(/\| +3\.00 us \| +2\.25 \|$/);
    expect(resultOf('m', cost, rounds)).toMatchObject({ limit: undefined, overLimit: undefined });
  });

  test('compares ours on another Node as well', () => {
    const more = rounds.map((round) => ({ ...round, other: { cost: round.c.cost / 5, speed: 1 } }));
    const result = resultOf('m', cost, more);
    expect(result).toMatchObject({ ours: 9, reached: true, other: { ours: 4, ratio: { median: 0.2 } } });
    expect(result.rounds.other).toEqual([2, 4, 6]);
    const [head, , row] = tableOf([result], 'Node v99.1.0').split('\n');
    expect(head).toMatch(/ ours \| .* ours, Node v99\.1\.0 \|/);
    expect(row).toMatch(/ 0\.45 .* 4\.00 us \| +0\.20 \|/);
    expect(resultOf('m', cost, rounds).other).toBeUndefined();
    expect(() => resultOf('m', cost, [more[0]!, rounds[1]!])).toThrow('m: no cost of other');
  });

  test('is refused where a round has no figure', () => {
    expect(() => resultOf('m', { ...cost, id: 'other' }, rounds)).toThrow('m: no other of c');
  });
});

test('the table has a line for each result', () => {
  const lines = tableOf([resultOf('m', cost, rounds), resultOf('m', speed, rounds)]).split('\n');
  expect(lines).toHaveLength(4);
  expect(lines[2]).toMatch(
    /cost of <one> \| +20\.00 us \| +9\.00 us \| +0\.45 \| +0\.40 \.\. 0\.60 \| +<= 0\.5 \|/,
  );
  expect(lines[3]).toMatch(/1\.40 .* >= 1\.5 MISSED \|/);
});

describe('the picture', () => {
  const svg = svgOf([resultOf('m', cost, rounds), resultOf('m', speed, rounds)]);

  test('has a bar for each result, on the side of 1 where its median is', () => {
    const bars = [...svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)];
    expect(bars).toHaveLength(2);
    const [less, more] = bars.map(([, x, width]) => ({ from: Number(x), to: Number(x) + Number(width) }));
    expect(less!.to).toBeCloseTo(more!.from);
    // Twice the cost is as far from 1 as half of it.
    expect((more!.to - more!.from) / (less!.to - less!.from)).toBeCloseTo(Math.log(1.4) / -Math.log(0.45), 1);
  });

  test('is XML with its texts escaped', () => {
    expect(svg).toContain('cost of &lt;one&gt;');
    expect(svg.match(/<text/g)?.length).toBe(svg.match(/<\/text>/g)?.length);
  });
});
