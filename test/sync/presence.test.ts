import { describe, expect, it } from 'vitest';
import { Presence, PresenceClock } from '../../src/sync/presence.ts';

describe('Presence', () => {
  it('reports the beginning and the end of a silence once, and how long it was', () => {
    const presence = new Presence();
    expect(presence.review(60_000)).toBe(0);
    expect(presence.note(60_000)).toBe(0);
    expect(presence.review(64_999)).toBe(0);
    expect(presence.review(65_000)).toBe(5_000);
    expect(presence.review(66_000)).toBe(0);
    expect(presence.note(67_000)).toBe(7_000);
    expect(presence.note(67_001)).toBe(0);
  });
});

describe('PresenceClock', () => {
  it('is due after a second and a half, and strikes up to a second earlier where it is asked', () => {
    const clock = new PresenceClock(100);
    expect(clock.dueAt).toBe(1600);
    expect([599, 600, 601, 1099, 1100].map((now) => clock.take(now))).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
    expect(clock.dueAt).toBe(2600);
  });
});
