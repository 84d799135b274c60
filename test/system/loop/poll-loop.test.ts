import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type LoopCalls, PollLoop, type WatchedFd } from '../../../src/system/loop/poll-loop.ts';

const BACKEND = 99;
const POLLIN = 1;

/**
 * Milliseconds of a clock that stands still unless the test sets it or a poll finds nothing, as a process that is not run for
 * 2 ms makes the poll loop give the loop its turn; undefined: of the real one.
 */
const clock = vi.hoisted(() => ({ now: undefined as number | undefined }));
vi.mock('../../../src/system/clock.ts', async (original) => {
  const clockModule = await original<typeof import('../../../src/system/clock.ts')>();
  const { monotonicMs } = clockModule;
  return { ...clockModule, monotonicMs: () => clock.now ?? monotonicMs() };
});
beforeEach(() => {
  clock.now = 1000.5;
});
afterEach(async () => {
  // A poll loop that comes back would make the next test's time pass.
  await sleep(5);
  clock.now = undefined;
});

/** A loop with a script of what each poll finds: the descriptors that are readable, or nothing until the time is over. */
function script(polls: readonly (readonly number[])[], patience: readonly number[] = []) {
  const log: string[] = [];
  let poll = 0;
  let turn = 0;
  const calls: LoopCalls = {
    backend: BACKEND,
    vector: (size) => {
      const words = new Int32Array(size);
      const pollOver = (count: number, milliseconds: number) => {
        const readable = polls[poll++] ?? [];
        const asked = Array.from({ length: count }, (_, n) => words[2 * n]!);
        log.push(`poll ${asked} for ${milliseconds}`);
        for (let n = 0; n < count; n++) {
          if (readable.includes(asked[n]!)) words[2 * n + 1]! |= POLLIN << 16;
        }
        if (readable.length === 0 && clock.now !== undefined) clock.now += milliseconds;
        return readable.length;
      };
      return { words, poll: pollOver };
    },
    backendTimeout: () => patience[turn++] ?? 1000,
    updateTime: () => {},
    drainMicrotasks: () => log.push('drain microtasks'),
    onNextTurn: (act) => void setImmediate(act),
  };
  const pollLoop = new PollLoop(calls);
  const watch = (fd: number, act: () => void = () => {}): WatchedFd => {
    const watched = {
      fd,
      active: true,
      ready: () => {
        log.push(`ready ${fd}`);
        act();
      },
    };
    pollLoop.add(watched);
    return watched;
  };
  /** What was done, but for draining microtasks. */
  const steps = () => log.filter((line) => line !== 'drain microtasks');
  return { pollLoop, watch, log, steps };
}

describe('a poll loop', () => {
  it('calls whoever has something to read, until only the loop has', () => {
    const { pollLoop, watch, log } = script([[4, BACKEND], [3, 4, BACKEND], [BACKEND]]);
    watch(3);
    watch(4);
    pollLoop.run();
    expect(log).toEqual([
      'drain microtasks',
      'poll 3,4,99 for 1000',
      'ready 4',
      'drain microtasks',
      'poll 3,4,99 for 1000',
      'ready 3',
      'ready 4',
      'drain microtasks',
      'poll 3,4,99 for 1000',
    ]);
  });

  it('waits no longer than until the next timer, and not at all if the loop has something to do now', () => {
    const { pollLoop, watch, log } = script([[]], [7]);
    watch(3);
    pollLoop.run();
    expect(log).toEqual(['drain microtasks', 'poll 3,99 for 7']);
    const busy = script([], [0]);
    busy.watch(3);
    busy.pollLoop.run();
    expect(busy.log).toEqual(['drain microtasks']);
  });

  it('leaves alone who pauses or ends, also while it calls others', () => {
    const { pollLoop, watch, steps } = script([[3, 4, 5], []]);
    const paused = watch(6);
    paused.active = false;
    watch(3, () => {
      second.active = false;
      pollLoop.remove(third);
    });
    const second = watch(4);
    const third = watch(5);
    pollLoop.run();
    expect(steps()).toEqual(['poll 3,4,5,99 for 1000', 'ready 3', 'poll 3,99 for 1000']);
  });

  it('does not run twice at a time, and continues after the turn of the loop as long as it is of use', async () => {
    const { pollLoop, watch, log } = script([[3], [], [3], [], []]);
    watch(3, () => pollLoop.run());
    pollLoop.run();
    const polls = () => log.filter((line) => line.startsWith('poll')).length;
    expect(polls()).toBe(2);
    await expect.poll(polls).toBe(5);
    await sleep(20);
    expect(polls()).toBe(5);
  });

  it('lets the loop have its turn while there is always something to read', () => {
    clock.now = undefined;
    const always = Array.from({ length: 1_000_000 }, () => [3, BACKEND]);
    const { pollLoop, watch, log } = script(always);
    const reader = watch(3);
    const begin = performance.now();
    pollLoop.run();
    expect(performance.now() - begin).toBeLessThan(1000);
    expect(log.length).toBeGreaterThan(3);
    reader.active = false;
  });

  it('keeps a loop waiting that turns without doing anything, but not who has something to read', () => {
    const turns = Array.from({ length: 32 }, () => [BACKEND]);
    const { pollLoop, watch, steps } = script([...turns, [], ...turns, [3], [BACKEND]]);
    watch(3);
    const last = (count: number) => steps().slice(-count);
    for (let n = 0; n < 32; n++) pollLoop.run();
    expect(new Set(steps())).toEqual(new Set(['poll 3,99 for 1000']));
    pollLoop.run();
    expect(last(2)).toEqual(['poll 3 for 1', 'poll 3,99 for 1000']);
    for (let n = 0; n < 31; n++) pollLoop.run();
    expect(last(32)).toEqual(Array.from({ length: 32 }, () => 'poll 3,99 for 1000'));
    pollLoop.run();
    expect(last(3)).toEqual(['poll 3 for 1', 'ready 3', 'poll 3,99 for 1000']);
  });

  it('does not keep a loop waiting that has had something to do', () => {
    const turns = Array.from({ length: 31 }, () => [BACKEND]);
    const { pollLoop, watch, steps } = script(Array.from({ length: 10 }, () => turns).flat());
    watch(3);
    for (let n = 0; n < 310; n++) {
      pollLoop.run();
      if (n % 31 === 30) clock.now! += 0.1;
    }
    expect(new Set(steps())).toEqual(new Set(['poll 3,99 for 1000']));
  });

  it('fires timers in their order, and waits no longer than until the next one', () => {
    const { pollLoop, watch, log, steps } = script([[3], [], [3], [], [], []], [50, 50, 50, 50, 50, 50, 7]);
    watch(3);
    pollLoop.run();
    log.length = 0;
    const logging = (text: string) => () => void log.push(`${text} at ${clock.now}`);
    const set = (milliseconds: number, act: () => void) => {
      const made = pollLoop.timer(act);
      made.set(milliseconds);
      return made;
    };
    const third = pollLoop.timer(logging('third'));
    set(7, () => {
      logging('second')();
      third.set(3);
    });
    set(90, logging('first')).set(3.2);
    set(1, logging('never')).clear();
    pollLoop.run();
    expect(steps()).toEqual([
      'poll 3,99 for 4',
      'ready 3',
      'poll 3,99 for 4',
      'first at 1054.5',
      'poll 3,99 for 3',
      'second at 1057.5',
      'poll 3,99 for 3',
      'third at 1060.5',
      'poll 3,99 for 7',
    ]);
  });

  it('gives the loop its turn before a timer that is due later, and comes back for the timer', async () => {
    clock.now = 0;
    const { pollLoop, log, steps } = script([[], [BACKEND], []], [2, 50, 50]);
    pollLoop.timer(() => log.push(`kept at ${clock.now}`)).set(5);
    expect(log).toEqual([]);
    await expect.poll(steps).toHaveLength(4);
    await sleep(20);
    expect(steps()).toEqual(['poll 99 for 2', 'poll 99 for 3', 'poll 99 for 3', 'kept at 5']);
  });

  it('fires timers late rather than never while the loop always has something to do', async () => {
    clock.now = 0;
    const { pollLoop, log } = script(
      [],
      Array.from({ length: 100_000 }, () => 0),
    );
    pollLoop.timer(() => log.push('kept')).set(5);
    await sleep(5);
    expect(log).not.toContain('kept');
    clock.now = 6;
    await expect.poll(() => log).toContain('kept');
    const { length } = log;
    await sleep(5);
    expect(log).toHaveLength(length);
  });

  it('runs again after a callback threw', () => {
    const { pollLoop, watch, log } = script([[3], []]);
    watch(3, () => {
      throw new Error('no');
    });
    expect(() => pollLoop.run()).toThrowError('no');
    pollLoop.run();
    expect(log.at(-1)).toBe('poll 3,99 for 1000');
  });
});
