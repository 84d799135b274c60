import { describe, expect, it } from 'vitest';
import { Chance } from '../../../../src/sync/ftfw/group/chance.ts';
import { ReportSchedule } from '../../../../src/sync/ftfw/group/report-schedule.ts';

/** When a node reports that has reported at 0, and found so many gaps at this time since. */
function dueOf(peers: number, seed: number, gaps = 1, now = 1000): number {
  const schedule = new ReportSchedule(new Chance(seed));
  schedule.noteSent(false, peers, 0);
  for (let n = 0; n < gaps; n++) schedule.noteMissing(peers, now);
  return schedule.dueAt - now;
}

const SEEDS = Array.from({ length: 500 }, (_, seed) => seed);

describe('when a node reports', () => {
  it('is at random, and later on average in a larger group', () => {
    for (const peers of [2, 7, 31]) {
      const times = SEEDS.map((seed) => dueOf(peers, seed));
      expect(Math.max(...times)).toBeLessThanOrEqual(5 * peers);
      const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
      expect(mean).toBeGreaterThan(2 * peers);
      expect(mean).toBeLessThan(3 * peers);
    }
  });

  it('is at random, however many messages are missing, and where all reported at the same moment', () => {
    for (const now of [1, 1000]) {
      const times = SEEDS.map((seed) => dueOf(15, seed, 100, now));
      const first = Math.min(...times);
      expect(times.filter((time) => time < first + 7.5).length).toBeLessThan(75);
    }
  });

  it('is at random in a quarter of a second where there is only something to acknowledge, however many messages that are', () => {
    const times = SEEDS.map((seed) => {
      const schedule = new ReportSchedule(new Chance(seed));
      schedule.noteSent(false, 31, 0);
      for (let now = 1000; now < 1200; now += 2) schedule.noteReceived(now);
      return schedule.dueAt - 1000;
    });
    const first = Math.min(...times);
    expect(first).toBeGreaterThanOrEqual(750);
    expect(Math.max(...times)).toBeLessThanOrEqual(1000);
    expect(times.filter((time) => time < first + 12.5).length).toBeLessThan(50);
  });

  it('is no sooner than the pause after the last report, whatever is missing', () => {
    const schedule = new ReportSchedule(new Chance(1));
    let last = Number.NEGATIVE_INFINITY;
    for (let now = 0, n = 0; n < 200; n++) {
      schedule.noteMissing(31, now);
      now = Math.max(now, schedule.dueAt);
      expect(now - last).toBeGreaterThanOrEqual(155);
      last = now;
      schedule.noteSent(true, 31, now);
    }
  });

  it('is ever later while nothing new is missing, and within a second at last', () => {
    const schedule = new ReportSchedule(new Chance(1));
    const pauses: number[] = [];
    for (let now = 0, n = 0; n < 8; n++) {
      schedule.noteSent(true, 7, now);
      pauses.push(schedule.dueAt - now);
      now = schedule.dueAt;
    }
    expect(pauses[0]).toBeLessThanOrEqual(140);
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(750);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1000);
  });

  it('is put off when others ask, and not for more than a second', () => {
    const schedule = new ReportSchedule(new Chance(1));
    schedule.noteSent(false, 31, 0);
    schedule.noteMissing(31, 0);
    const first = schedule.dueAt;
    schedule.noteOthersAsked(31, 0);
    expect(schedule.dueAt).toBeGreaterThan(first);
    for (let now = 0; now < 900; now += 10) schedule.noteOthersAsked(31, now);
    expect(schedule.dueAt).toBeLessThanOrEqual(1000);
  });
});
