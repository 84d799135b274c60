import { expect, test } from 'vitest';
import { parseOptions } from '../../bench/options.ts';

test('without arguments all is measured at full size', () => {
  expect(parseOptions([])).toMatchObject({
    rounds: 5,
    only: [],
    quick: false,
    sizes: { flows: 200_000, memory: [100_000, 500_000, 1_000_000] },
  });
});

test('the arguments go before what --quick brings', () => {
  const { rounds, sizes, only } = parseOptions([
    '--quick',
    '--flows',
    '500',
    '--rounds',
    '2',
    '--only',
    'commit,dump',
  ]);
  expect(rounds).toBe(2);
  expect(sizes.flows).toBe(500);
  expect(only).toEqual(['commit', 'dump']);
});

test.each([['--rounds', 'x'], ['--flows', '0'], ['--nothing']])('%s %s is refused', (...args) => {
  expect(() => parseOptions(args.filter((word) => word !== undefined))).toThrow();
});
