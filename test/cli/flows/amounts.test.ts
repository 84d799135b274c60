import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  durationText,
  parseDuration,
  parseQuantity,
  parseWhole,
  quantityText,
} from '../../../src/cli/flows/filter/amounts.ts';

test.each([
  ['90', 90],
  ['90s', 90],
  ['1h30m', 5400],
  ['2d', 172_800],
  ['1w', 604_800],
  ['1.5h', undefined],
  ['h', undefined],
  ['-1', undefined],
  ['', undefined],
])('%s is %s seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test('a duration reads back as its two largest units', () => {
  fc.assert(
    fc.property(fc.nat(10_000_000), (seconds) => {
      const read = parseDuration(durationText(seconds))!;
      expect(read).toBeLessThanOrEqual(seconds);
      expect(seconds - read).toBeLessThan(Math.max(1, seconds / 24));
    }),
  );
  expect([0, 59, 3661, 431_999].map(durationText)).toEqual(['0s', '59s', '1h1m', '4d23h']);
});

test('quantities have powers of 1000, and take five characters at most', () => {
  expect(['1500', '1.5k', '10M', '2GB'].map(parseQuantity)).toEqual([1500, 1500, 1e7, 2e9]);
  expect(parseQuantity('1.2.3')).toBeUndefined();
  expect([0, 999, 1000, 1499, 9960, 15_400, 999_999, 1.25e9, 0.25].map(quantityText)).toEqual([
    ...['0', '999', '1.0k', '1.5k', '10k', '15k', '1.0M', '1.3G', '0.3'],
  ]);
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e18, noNaN: true }), (value) => {
      expect(quantityText(value).length).toBeLessThanOrEqual(5);
      const read = Number.parseFloat(quantityText(value));
      expect(read).toBeLessThanOrEqual(1000);
    }),
  );
});

test('whole numbers are decimal or hexadecimal', () => {
  expect([
    parseWhole('0x10', 99),
    parseWhole('010', 99),
    parseWhole('100', 99),
    parseWhole('1e1', 99),
  ]).toEqual([16, 10, undefined, undefined]);
});
