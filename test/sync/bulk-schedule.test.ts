import { describe, expect, it } from 'vitest';
import { BulkSchedule } from '../../src/sync/bulk-schedule.ts';

describe('BulkSchedule', () => {
  it('answers requests with one bulk a second at most, and forgets none', () => {
    const bulks = new BulkSchedule();
    bulks.request(1);
    expect(bulks.isDue(0)).toBe(true);
    bulks.begin(10, 10, 0);
    for (let n = 2; n < 1000; n++) bulks.request(n);
    expect(bulks.isDue(999)).toBe(false);
    expect(bulks.pollTimeout()).toBe(1000);
    bulks.handleTimeout(1000);
    expect(bulks.pollTimeout()).toBe(Number.POSITIVE_INFINITY);
    expect(bulks.isDue(1000)).toBe(true);
  });

  it('sends 50,000 records a second at most on request', () => {
    const bulks = new BulkSchedule();
    bulks.request(1);
    bulks.begin(250_000, 250_000, 0);
    bulks.request(2);
    expect(bulks.isDue(4999)).toBe(false);
    expect(bulks.isDue(5000)).toBe(true);
  });

  it('obeys a command at once', () => {
    const bulks = new BulkSchedule();
    bulks.request(1);
    bulks.begin(10, 10, 0);
    bulks.command();
    expect(bulks.isDue(1)).toBe(true);
  });

  it('tells an answer when its last message was sent', () => {
    const bulks = new BulkSchedule();
    bulks.request(7);
    expect(bulks.hasAnswered).toBe(false);
    bulks.begin(2, 2, 0);
    bulks.request(8);
    bulks.noteRecordSent(false);
    expect(bulks.hasAnswered).toBe(false);
    bulks.noteRecordSent(false);
    expect(bulks.hasAnswered).toBe(true);
    expect(bulks.takeAnswered()).toEqual([7]);
    expect(bulks.hasAnswered).toBe(false);
  });

  it('answers a request at once where there is nothing to send', () => {
    const bulks = new BulkSchedule();
    bulks.request(7);
    bulks.begin(0, 0, 0);
    expect(bulks.hasAnswered).toBe(true);
    expect(bulks.takeAnswered()).toEqual([7]);
  });

  it('sends everything unasked to a peer that does not ask', () => {
    const bulks = new BulkSchedule();
    bulks.expectRequest(100);
    expect(bulks.isDue(1599)).toBe(false);
    expect(bulks.isDue(1600)).toBe(true);
  });
});
