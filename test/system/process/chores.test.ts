import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { doChores, everyAbout } from '../../../src/system/process/chores.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

it('waits for a timer that fires anyway, and sets none of its own as long as there is one', () => {
  const done: number[] = [];
  const begin = Date.now();
  const cancel = everyAbout(2000, () => done.push(Date.now() - begin));
  const heartbeat = setInterval(doChores, 900);
  vi.advanceTimersByTime(9000);
  expect(done).toEqual([2700, 5400, 8100]);
  clearInterval(heartbeat);
  cancel();
});

it('comes half an interval late where no other timer fires, and not once it is cancelled', () => {
  const done: [string, number][] = [];
  const begin = Date.now();
  const cancels = [1000, 4000].map((intervalMs) =>
    everyAbout(intervalMs, () => done.push([`${intervalMs}`, Date.now() - begin])),
  );
  vi.advanceTimersByTime(6100);
  expect(done).toEqual([
    ['1000', 1500],
    ['1000', 3000],
    ['1000', 4500],
    // Due since 4000: the other one's timer does both.
    ['4000', 4500],
    ['1000', 6000],
  ]);
  cancels[0]!();
  vi.advanceTimersByTime(4300);
  expect(done.slice(5)).toEqual([]);
  vi.advanceTimersByTime(200);
  expect(done.slice(5)).toEqual([['4000', 10_500]]);
  cancels[1]!();
  expect(vi.getTimerCount()).toBe(0);
});
