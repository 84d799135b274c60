import { describe, expect, test } from 'vitest';
import { median, pairedRatios, quantile, spreadOf } from '../../bench/statistics.ts';

describe('a quantile', () => {
  test('lies between its neighbours', () => {
    expect(quantile([4, 1, 3, 2], 0)).toBe(1);
    expect(quantile([4, 1, 3, 2], 1)).toBe(4);
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([10, 20], 0.99)).toBeCloseTo(19.9);
  });

  test('of one value is that value', () => {
    expect(median([7])).toBe(7);
  });
});

test('ratios belong to their round, and what both kinds suffered together does not show in them', () => {
  const ratios = pairedRatios([1, 10, 2], [2, 20, 4]);
  expect(ratios).toEqual([0.5, 0.5, 0.5]);
  expect(spreadOf([0.4, 0.6, 0.5])).toEqual({ median: 0.5, least: 0.4, greatest: 0.6 });
});
