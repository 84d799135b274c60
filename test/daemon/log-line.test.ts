import { describe, expect, it } from 'vitest';
import { ctime, logLine } from '../../src/daemon/process/log-line.ts';

describe('a log line', () => {
  it('begins with local time, process and priority', () => {
    const time = new Date(2026, 10, 22, 9, 36, 1);
    expect(logLine(time, 123, 'ERROR', "can't connect")).toBe(
      "[Sun Nov 22 09:36:01 2026] (pid=123) [ERROR] can't connect\n",
    );
  });

  it('pads the day with a space and the clock with zeros', () => {
    expect(ctime(new Date(2026, 0, 5, 0, 2, 3))).toBe('Mon Jan  5 00:02:03 2026');
  });
});
