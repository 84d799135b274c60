import { describe, expect, it } from 'vitest';
import { Presence, PresenceClock } from '../../src/sync/presence.ts';

describe('Presence', () => {
  it('reports the beginning and the end of a silence once', () => {
    const presence = new Presence();
    expect(presence.review(60_000)).toBe(false);
    expect(presence.note(60_000)).toBe(false);
    expect(presence.review(64_999)).toBe(false);
    expect(presence.review(65_000)).toBe(true);
    expect(presence.review(66_000)).toBe(false);
    expect(presence.note(67_000)).toBe(true);
    expect(presence.note(67_001)).toBe(false);
  });
});

describe('PresenceClock', () => {
  it('strikes once a second', () => {
    const clock = new PresenceClock(100);
    expect([1099, 1100, 1101, 2099, 2100].map((now) => clock.take(now))).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
  });
});
