import { describe, expect, it, vi } from 'vitest';
import { LookSchedule } from '../../src/daemon/sync/recheck/look-schedule.ts';

describe('the looks of a node with several active peers', () => {
  it('begin 5 s after the last one has ended, however long that took, and end when closed', async () => {
    vi.useFakeTimers();
    try {
      const begun: number[] = [];
      const begin = Date.now();
      const runtime = {
        after(ms: number, work: () => void) {
          const timer = setTimeout(work, ms);
          return () => clearTimeout(timer);
        },
        yieldToLoop: () => Promise.resolve(),
      };
      const schedule = new LookSchedule(runtime, () => {
        begun.push((Date.now() - begin) / 1000);
        return new Promise((resolve) => setTimeout(resolve, 30_000));
      });
      schedule.start();
      await vi.advanceTimersByTimeAsync(76_000);
      expect(begun).toEqual([5, 40, 75]);
      schedule.close();
      await vi.advanceTimersByTimeAsync(100_000);
      expect(begun).toEqual([5, 40, 75]);
    } finally {
      vi.useRealTimers();
    }
  });
});
