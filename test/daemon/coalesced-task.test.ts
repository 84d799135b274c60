import { describe, expect, it } from 'vitest';
import { CoalescedTask } from '../../src/daemon/common/coalesced-task.ts';

describe('CoalescedTask', () => {
  it('runs once more for all requests that come while it runs', async () => {
    let under = 0;
    let done = 0;
    const finish: (() => void)[] = [];
    const work = new CoalescedTask(async () => {
      expect(++under).toBe(1);
      await new Promise<void>((resolve) => finish.push(resolve));
      under--;
      done++;
    });
    const first = work.run();
    await Promise.all([work.run(), work.run()]);
    expect(done).toBe(0);
    finish.shift()!();
    while (finish.length === 0) await Promise.resolve();
    finish.shift()!();
    await first;
    expect(done).toBe(2);
  });

  it('runs again after it has failed', async () => {
    let tries = 0;
    const work = new CoalescedTask(async () => {
      if (++tries === 1) throw new Error('not today');
    });
    await expect(work.run()).rejects.toThrow('not today');
    await work.run();
    expect(tries).toBe(2);
  });
});
