import { expect, test } from 'vitest';
import { parseTap, resultTable } from '../../sim/vm/results.ts';

const PRINTED = [
  ' RUN  v4.1.10 /somewhere',
  '1..4',
  "ok 1 - test/kernels/dccp.test.ts > keeps its state: 'ours with ours' # time=28358.41ms",
  'not ok 2 - test/kernels/netem.test.ts > makes the caches equal, loss 10% # time=11122.79ms',
  '    ---',
  '    error:',
  '        message: "ok 9 - of no test"',
  'ok 3 - test/interop/event-filter.test.ts > needs what is not here # SKIP',
  'ok 4 - test/kernels/survival.test.ts > a > b',
];

test('results are read from among other lines', () => {
  expect([...parseTap(PRINTED)]).toEqual([
    ["test/kernels/dccp.test.ts > keeps its state: 'ours with ours'", 'passed'],
    ['test/kernels/netem.test.ts > makes the caches equal, loss 10%', 'failed'],
    ['test/interop/event-filter.test.ts > needs what is not here', 'skipped'],
    ['test/kernels/survival.test.ts > a > b', 'passed'],
  ]);
});

test('the table has a row for each test that ran on any kernel', () => {
  const older = parseTap(['ok 1 - a', 'not ok 2 - b | c']);
  const newer = parseTap(['ok 1 - a', 'ok 2 - d # SKIP']);
  expect(
    resultTable(
      new Map([
        ['6.1', older],
        ['6.12', newer],
      ]),
    ).split('\n'),
  ).toEqual([
    '| test | 6.1 | 6.12 |',
    '|---|---|---|',
    '| a | passed | passed |',
    '| b \\| c | failed | not run |',
    '| d | not run | skipped |',
  ]);
});
