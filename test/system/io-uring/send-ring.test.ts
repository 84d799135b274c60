import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { SendRing } from '../../../src/system/io-uring/send-ring.ts';
import { libc, MSG_DONTWAIT } from '../../../src/system/libc.ts';
import { NativeMemory } from '../../../src/system/native-memory.ts';
import { openUnixSockets } from '../../../src/system/unix-datagrams.ts';

const ENTRIES = 4;

/** Whether this machine has what a ring needs: a container's filter of system calls may refuse it. */
function hasRing(): boolean {
  if (process.platform !== 'linux' || availableParallelism() < 2) return false;
  try {
    new SendRing(libc(), ENTRIES).close();
    return true;
  } catch {
    return false;
  }
}

describe.skipIf(!hasRing())('a ring of sends', () => {
  const system = libc();

  function withSockets(work: (fd: number, receive: () => number) => void): void {
    const { sender, receiver, address } = openUnixSockets(system);
    const to = new Uint8Array(new ArrayBuffer(64));
    try {
      system.connect(sender, address);
      work(sender, () => (system.receive(receiver, to, MSG_DONTWAIT) > 0 ? to[0]! : -1));
    } finally {
      system.close(sender);
      system.close(receiver);
    }
  }

  it('sends in order, and has a result for each', () => {
    withSockets((fd, receive) => {
      const ring = new SendRing(system, ENTRIES);
      const memories = Array.from({ length: ENTRIES }, () => new NativeMemory(64));
      expect(ring.hasResult).toBe(false);
      expect(() => ring.takeResult()).toThrowError('no result');
      let taken = 0;
      const take = () => {
        expect(ring.wait(5000)).toBe(true);
        expect(ring.takeResult()).toBe(1 + (taken % 50));
        expect(receive()).toBe(taken % 256);
        taken++;
      };
      for (let n = 0; n < 1000; n++) {
        if (n - taken === ENTRIES) take();
        const memory = memories[n % ENTRIES]!;
        memory.bytes[0] = n % 256;
        ring.send(fd, memory, 1 + (n % 50));
      }
      while (taken < 1000) take();
      expect(ring.hasResult).toBe(false);
      expect(receive()).toBe(-1);
      ring.close();
    });
  });

  it('wakes its thread after a rest, and gives the error of a send', async () => {
    const ring = new SendRing(system, ENTRIES);
    const memory = new NativeMemory(64);
    for (let n = 0; n < 3; n++) {
      ring.send(-1, memory, 1);
      expect(ring.wait(5000)).toBe(true);
      expect(ring.takeResult()).toBe(-9);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    ring.close();
  });

  it('says when nothing comes', () => {
    const ring = new SendRing(system, ENTRIES);
    const before = performance.now();
    expect(ring.wait(30)).toBe(false);
    expect(performance.now() - before).toBeGreaterThan(20);
    ring.close();
  });

  it('refuses more than it has room for', () => {
    withSockets((fd) => {
      const ring = new SendRing(system, ENTRIES);
      const memory = new NativeMemory(64);
      for (let n = 0; n < ENTRIES; n++) ring.send(fd, memory, 1);
      expect(() => ring.send(fd, memory, 1)).toThrowError('no room for 5 sends');
      for (let n = 0; n < ENTRIES; n++) {
        ring.wait(5000);
        ring.takeResult();
      }
      ring.close();
    });
  });

  it('can be opened and closed again and again', () => {
    const next = () => {
      const fd = system.socket(1, 2, 0);
      system.close(fd);
      return fd;
    };
    const before = next();
    for (let n = 0; n < 200; n++) {
      const ring = new SendRing(system, ENTRIES);
      expect(ring.hasResult).toBe(false);
      ring.close();
    }
    expect(next()).toBe(before);
  });
});
