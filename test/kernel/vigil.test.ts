import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { libc, MSG_DONTWAIT } from '../../src/kernel/libc.ts';
import { openUnixSockets } from '../../src/kernel/unix-datagrams.ts';
import { type LoopCalls, Vigil, type Watched } from '../../src/kernel/vigil.ts';

const BACKEND = 99;
const POLLIN = 1;

/** A loop that is told what each poll finds: the descriptors that are readable, or nothing until the time is over. */
function script(polls: readonly (readonly number[])[], patience: readonly number[] = []) {
  const log: string[] = [];
  let poll = 0;
  let turn = 0;
  const calls: LoopCalls = {
    backend: BACKEND,
    pollOver: (words) => (count, milliseconds) => {
      const readable = polls[poll++] ?? [];
      const asked = Array.from({ length: count }, (_, n) => words[2 * n]!);
      log.push(`poll ${asked} for ${milliseconds}`);
      for (let n = 0; n < count; n++) {
        if (readable.includes(asked[n]!)) words[2 * n + 1]! |= POLLIN << 16;
      }
      return readable.length;
    },
    backendTimeout: () => patience[turn++] ?? 1000,
    updateTime: () => {},
    settle: () => log.push('settle'),
  };
  const vigil = new Vigil(calls);
  const watch = (fd: number, act: () => void = () => {}): Watched => {
    const watched = {
      fd,
      active: true,
      ready: () => {
        log.push(`ready ${fd}`);
        act();
      },
    };
    vigil.add(watched);
    return watched;
  };
  return { vigil, watch, log };
}

describe('a vigil', () => {
  it('calls whoever has something to read, until only the loop has', () => {
    const { vigil, watch, log } = script([[4, BACKEND], [3, 4, BACKEND], [BACKEND]]);
    watch(3);
    watch(4);
    vigil.keep();
    expect(log).toEqual([
      'settle',
      'poll 3,4,99 for 1000',
      'ready 4',
      'settle',
      'poll 3,4,99 for 1000',
      'ready 3',
      'ready 4',
      'settle',
      'poll 3,4,99 for 1000',
    ]);
  });

  it('waits no longer than until the next timer, and not at all if the loop has something to do now', () => {
    const { vigil, watch, log } = script([[]], [7]);
    watch(3);
    vigil.keep();
    expect(log).toEqual(['settle', 'poll 3,99 for 7']);
    const busy = script([], [0]);
    busy.watch(3);
    busy.vigil.keep();
    expect(busy.log).toEqual(['settle']);
  });

  it('leaves alone who pauses or ends, also while it calls others', () => {
    const { vigil, watch, log } = script([[3, 4, 5], []]);
    const paused = watch(6);
    paused.active = false;
    watch(3, () => {
      second.active = false;
      vigil.remove(third);
    });
    const second = watch(4);
    const third = watch(5);
    vigil.keep();
    expect(log.filter((line) => line !== 'settle')).toEqual([
      'poll 3,4,5,99 for 1000',
      'ready 3',
      'poll 3,99 for 1000',
    ]);
  });

  it('is not kept twice, and goes on when the loop has had its turn, as long as it is of use', async () => {
    const { vigil, watch, log } = script([[3], [], [3], [], []]);
    watch(3, () => vigil.keep());
    vigil.keep();
    const polls = () => log.filter((line) => line.startsWith('poll')).length;
    expect(polls()).toBe(2);
    await expect.poll(polls).toBe(5);
    await sleep(20);
    expect(polls()).toBe(5);
  });

  it('lets the loop have its turn while there is always something to read', () => {
    const always = Array.from({ length: 1_000_000 }, () => [3, BACKEND]);
    const { vigil, watch, log } = script(always);
    watch(3);
    const begin = performance.now();
    vigil.keep();
    expect(performance.now() - begin).toBeLessThan(1000);
    expect(log.length).toBeGreaterThan(3);
  });

  it('can be kept again after somebody threw', () => {
    const { vigil, watch, log } = script([[3], []]);
    watch(3, () => {
      throw new Error('no');
    });
    expect(() => vigil.keep()).toThrowError('no');
    vigil.keep();
    expect(log.at(-1)).toBe('poll 3,99 for 1000');
  });
});

describe.skipIf(process.platform !== 'linux')('watched descriptors', () => {
  it('leave timers, ticks, promises and other descriptors their turn', async () => {
    const { sender, receiver, address } = openUnixSockets(libc());
    const say = () => libc().sendTo(sender, Uint8Array.of(1), 1, MSG_DONTWAIT, address);
    const buffer = new Uint8Array(8);
    const got: string[] = [];
    let reads = 0;
    const watch = libc().watchReadable(receiver, () => {
      libc().receive(receiver, buffer, MSG_DONTWAIT);
      got.push('read');
      process.nextTick(() => got.push('tick'));
      void Promise.resolve().then(() => got.push('promise'));
      setImmediate(() => got.push('immediate'));
      // The next one is there before the loop could look.
      if (++reads < 3) say();
    });
    say();
    await expect.poll(() => got.length).toBe(12);
    expect(got.filter((word) => word !== 'immediate')).toEqual(
      Array.from({ length: 3 }, () => ['read', 'tick', 'promise']).flat(),
    );
    expect(got.filter((word) => word === 'immediate')).toHaveLength(3);
    const begin = performance.now();
    say();
    await sleep(30);
    expect(performance.now() - begin).toBeLessThan(1000);
    watch.close();
    libc().close(receiver);
    libc().close(sender);
  });

  it('are called back once an outer timer has brought something to read, again and again', async () => {
    const { sender, receiver, address } = openUnixSockets(libc());
    const buffer = new Uint8Array(8);
    let reads = 0;
    const watch = libc().watchReadable(receiver, () => {
      libc().receive(receiver, buffer, MSG_DONTWAIT);
      reads++;
    });
    for (let n = 1; n <= 50; n++) {
      libc().sendTo(sender, Uint8Array.of(1), 1, MSG_DONTWAIT, address);
      await expect.poll(() => reads, { interval: 1 }).toBe(n);
    }
    watch.close();
    libc().close(receiver);
    libc().close(sender);
  });
});
