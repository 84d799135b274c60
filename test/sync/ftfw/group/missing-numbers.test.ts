import { describe, expect, it } from 'vitest';
import { Random } from '../../../../sim/random.ts';
import { isInRuns, MissingNumbers, RUNS_MAX } from '../../../../src/sync/ftfw/group/missing-numbers.ts';

describe('missing numbers', () => {
  it('are runs in order, which grow where they touch', () => {
    const missing = new MissingNumbers();
    missing.start(10);
    missing.add(12, 13);
    missing.add(14, 14);
    missing.add(20, 29);
    expect(missing.runs).toEqual([
      { from: 12, to: 14 },
      { from: 20, to: 29 },
    ]);
    missing.forgetBefore(25);
    expect(missing.runs).toEqual([{ from: 25, to: 29 }]);
    expect(missing.from).toBe(25);
    missing.forgetBefore(30);
    expect(missing.isEmpty).toBe(true);
  });

  it('are at most so many runs, and never lack a number that is missing, across the end of 32 bits', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = Random.forPurpose(seed, 'missing');
      const missing = new MissingNumbers();
      let at = (2 ** 32 - 2000) >>> 0;
      missing.start(at);
      const real: number[] = [];
      let most = 0;
      for (let n = 0; n < 500; n++) {
        const from = (at + random.between(1, 10)) >>> 0;
        const to = (from + random.below(4)) >>> 0;
        missing.add(from, to);
        for (let one = from; one !== (to + 1) >>> 0; one = (one + 1) >>> 0) real.push(one);
        at = (to + 1) >>> 0;
        most = Math.max(most, missing.runs.length);
      }
      expect(most).toBe(RUNS_MAX);
      expect(real.filter((one) => !isInRuns(missing.runs, one))).toEqual([]);
    }
  });
});
