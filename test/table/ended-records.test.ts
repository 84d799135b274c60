import { describe, expect, it } from 'vitest';
import { EndedRecords } from '../../src/table/ended-records.ts';
import { FlowKeyer } from '../../src/table/key.ts';
import { record } from './records.ts';

function create(limit = 10) {
  const ended = new EndedRecords(new FlowKeyer(1), limit);
  return {
    ended,
    end: (n: number) => ended.ended(record(n), record(n).length),
    live: (n: number) => ended.lives(record(n), record(n).length),
    has: (n: number, mark = 0) => {
      const bytes = record(n, { mark });
      return ended.has(bytes, bytes.length);
    },
  };
}

describe('EndedRecords', () => {
  it('knows what ended by its key, until it lives again', () => {
    const { ended, end, live, has } = create();
    ended.beginDump();
    end(1);
    end(1);
    expect([has(1), has(1, 5), has(2)]).toEqual([true, true, false]);
    live(1);
    live(2);
    expect(has(1)).toBe(false);
  });

  it('forgets everything when the last dump is over, and not before', () => {
    const { ended, end, has } = create();
    ended.beginDump();
    ended.beginDump();
    end(1);
    ended.endDump();
    expect([ended.watching, has(1)]).toEqual([true, true]);
    ended.endDump();
    expect([ended.watching, has(1)]).toEqual([false, false]);
  });

  it('keeps to its limit', () => {
    const { ended, end, has } = create(2);
    ended.beginDump();
    for (let n = 0; n < 5; n++) end(n);
    expect([0, 1, 2, 3, 4].filter((n) => has(n))).toEqual([0, 1]);
  });
});
