import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ReplayWindow, WINDOW_SIZE } from '../../../src/link/sealed/replay-window.ts';

describe('a replay window', () => {
  test('takes each counter behind its first once, in whichever order, and none that is older than the window', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.integer({ min: -80, max: 80 }) },
      { weight: 2, arbitrary: fc.integer({ min: -WINDOW_SIZE - 5, max: WINDOW_SIZE + 5 }) },
      { weight: 1, arbitrary: fc.integer({ min: 0, max: 5 * WINDOW_SIZE }) },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000 }), fc.array(step, { maxLength: 400 }), (first, steps) => {
        const window = new ReplayWindow(first);
        const seen = new Set<number>();
        let highest = first;
        for (const difference of steps) {
          const counter = highest + difference;
          if (counter < 1) continue;
          const isNew = counter > first && !seen.has(counter) && highest - counter < WINDOW_SIZE;
          expect(window.isNew(counter)).toBe(isNew);
          if (!isNew) continue;
          window.add(counter);
          seen.add(counter);
          highest = Math.max(highest, counter);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('counts beyond 32 bits', () => {
    const window = new ReplayWindow(2 ** 40);
    window.add(2 ** 40 + 2);
    expect([0, 1, 2, 3].map((n) => window.isNew(2 ** 40 + n))).toEqual([false, true, false, true]);
  });
});
