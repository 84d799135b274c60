import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  DOUBT_PAUSE_MS,
  RECHECK_PAUSE_MS,
  RecheckSchedule,
} from '../../src/daemon/common/recheck-schedule.ts';

describe('how slowly a cache is compared with the kernel', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('is with short pauses after events were lost, and with long ones otherwise', async () => {
    const pauses: number[] = [];
    const runtime = {
      now: () => Date.now(),
      after: (ms: number, act: () => void) => {
        const timer = setTimeout(act, ms);
        return () => clearTimeout(timer);
      },
    };
    const schedule = new RecheckSchedule(runtime, 0, async (pauseMs) => {
      pauses.push(pauseMs);
    });
    schedule.start();
    await vi.advanceTimersByTimeAsync(61_000);
    expect(pauses).toEqual([RECHECK_PAUSE_MS]);
    schedule.noteOverrun();
    await vi.advanceTimersByTimeAsync(5000);
    expect(pauses).toEqual([RECHECK_PAUSE_MS, DOUBT_PAUSE_MS]);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(pauses.slice(2)).toContain(RECHECK_PAUSE_MS);
    expect(pauses.slice(2)).not.toContain(DOUBT_PAUSE_MS);
    schedule.close();
  });
});
