import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { PROCESS_RUNTIME } from '../../../src/daemon/common/runtime.ts';
import { libc, MSG_DONTWAIT } from '../../../src/system/libc.ts';
import { openEventLoop } from '../../../src/system/loop/event-loop.ts';
import { watchReadable } from '../../../src/system/loop/readable-watch.ts';
import { openUnixSockets } from '../../../src/system/unix-datagrams.ts';

describe.skipIf(process.platform !== 'linux')('watched descriptors', () => {
  beforeAll(async () => {
    const { description } = await openEventLoop({}, (text) => expect.unreachable(text));
    expect(description).toBe('direct polling');
  });

  it('and the loop have their turn while somebody waits shortly, again and again, at little cost', async () => {
    const { sender, receiver, address } = openUnixSockets(libc());
    const buffer = new Uint8Array(8);
    let reads = 0;
    const watch = watchReadable(receiver, () => {
      libc().receive(receiver, buffer, MSG_DONTWAIT);
      reads++;
    });
    let waits = 0;
    const again = PROCESS_RUNTIME.timer(() => {
      waits++;
      again.set(2);
    });
    again.set(0);
    let timers = 0;
    const timer = setInterval(() => {
      timers++;
      libc().sendTo(sender, Uint8Array.of(1), 1, MSG_DONTWAIT, address);
    }, 10);
    const before = process.cpuUsage();
    const begin = performance.now();
    await sleep(300);
    const elapsed = performance.now() - begin;
    const { user, system } = process.cpuUsage(before);
    again.clear();
    clearInterval(timer);
    const stopped = waits;
    await sleep(10);
    expect(waits).toBe(stopped);
    expect(waits).toBeGreaterThan(20);
    expect(waits).toBeLessThanOrEqual(elapsed / 2 + 1);
    expect(timers).toBeGreaterThan(5);
    await expect.poll(() => reads).toBe(timers);
    // A loop that never rests would take all of it.
    expect((user + system) / 1000).toBeLessThan(0.8 * elapsed);
    watch.close();
    libc().close(receiver);
    libc().close(sender);
  });

  it('leave timers, ticks, promises and other descriptors their turn', async () => {
    const { sender, receiver, address } = openUnixSockets(libc());
    const say = () => libc().sendTo(sender, Uint8Array.of(1), 1, MSG_DONTWAIT, address);
    const buffer = new Uint8Array(8);
    const got: string[] = [];
    let reads = 0;
    const watch = watchReadable(receiver, () => {
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
    const watch = watchReadable(receiver, () => {
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
