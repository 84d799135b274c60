import { describe, expect, test } from 'vitest';
import { latencyOf, type ReadPace, readPace } from '../../src/daemon/common/read-pace.ts';

const ROOM = 8 << 20;

/** After a second of so many events a millisecond. */
function after(pace: ReadPace, rate: number): ReadPace {
  for (let now = 0; now <= 1000; now++) pace.recordRead(rate, now);
  return pace;
}

describe('with low latency', () => {
  test.each([0, 1, 10, 19, 21, 1000])('%i events a millisecond are read as they come', (rate) => {
    expect(after(readPace('low', 0), rate).waitMs(ROOM)).toBe(0);
  });

  test('what one turn has read is sent at its end', () => {
    expect(readPace('low', 0)).toMatchObject({ readsUntilEmpty: true, holdMaxMs: 0 });
  });
});

test('without it events that come fast wait for each other', () => {
  const pace = readPace('batched', 0);
  expect(pace).toMatchObject({ readsUntilEmpty: false, holdMaxMs: 3 });
  expect(after(pace, 2).waitMs(ROOM)).toBe(4);
});

test('each node has a rate of its own', () => {
  after(readPace('batched', 0), 10);
  expect(readPace('batched', 0).waitMs(ROOM)).toBe(0);
});

test('unless it is set, latency is low where the peers need changes in their kernels at once', () => {
  expect(latencyOf('auto', true)).toBe('low');
  expect(latencyOf('auto', false)).toBe('batched');
});

test('what is set counts whatever else is configured', () => {
  for (const disableExternalCache of [false, true]) {
    expect(latencyOf('low', disableExternalCache)).toBe('low');
    expect(latencyOf('batched', disableExternalCache)).toBe('batched');
  }
});
