import { describe, expect, it } from 'vitest';
import { Schedule } from '../../sim/load/schedule.ts';

describe('a schedule of events', () => {
  it('spaces them evenly, the first one now', () => {
    const schedule = new Schedule(2000, 100);
    expect(schedule.due(0, 100)).toBe(1);
    expect(schedule.until(1, 100)).toBeCloseTo(0.5);
    expect(schedule.due(1, 100.4)).toBe(1);
    expect(schedule.due(1, 100.6)).toBe(2);
    expect(schedule.due(2, 110)).toBe(21);
    expect(schedule.until(21, 110)).toBeCloseTo(0.5);
    expect(schedule.until(20, 110)).toBeCloseTo(0);
  });

  it('catches up with no more than comes at once, and shifts the rest', () => {
    const schedule = new Schedule(50_000, 0);
    expect(schedule.due(1, 1)).toBe(51);
    // 100 ms late: 5,000 events.
    expect(schedule.due(51, 101)).toBe(51 + 128);
    expect(schedule.due(179, 101)).toBe(179);
    expect(schedule.due(179, 102.01)).toBe(179 + 50);
  });
});
