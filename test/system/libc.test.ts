import { createSocket } from 'node:dgram';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { flock, LOCK_EX, LOCK_NB } from '../../src/system/file-calls.ts';
import { ifIndexToName, ifNameToIndex, interfaceMtu } from '../../src/system/interfaces.ts';
import {
  AF_INET,
  AF_UNIX,
  libc,
  MSG_DONTWAIT,
  SO_RCVBUF,
  SOCK_DGRAM,
  SOL_SOCKET,
} from '../../src/system/libc.ts';
import { watchReadable } from '../../src/system/loop/readable-watch.ts';
import { SystemError } from '../../src/system/system-error.ts';
import { loopback, portOf } from './loopback.ts';

const text = (value: string) => new TextEncoder().encode(value);

describe.skipIf(process.platform !== 'linux')('the system calls', () => {
  it('names the call and the reason when one fails', () => {
    expect(() => libc().socket(99, SOCK_DGRAM, 0)).toThrowError(SystemError);
    expect(() => libc().socket(99, SOCK_DGRAM, 0)).toThrowError(
      'socket: Address family not supported by protocol (EAFNOSUPPORT)',
    );
    expect(() => ifNameToIndex('nosuch0')).toThrowError(/^if_nametoindex nosuch0: .*\(ENODEV\)$/);
  });

  it('reports that an address is in use', () => {
    const first = libc().socket(AF_INET, SOCK_DGRAM, 0);
    const second = libc().socket(AF_INET, SOCK_DGRAM, 0);
    try {
      libc().bind(first, loopback(0));
      expect(() => libc().bind(second, loopback(portOf(first)))).toThrowError(
        'bind: Address already in use (EADDRINUSE)',
      );
    } finally {
      libc().close(first);
      libc().close(second);
    }
  });

  it('knows the loopback interface', () => {
    const index = ifNameToIndex('lo');
    expect(ifIndexToName(index)).toBe('lo');
    expect(interfaceMtu('lo')).toBeGreaterThanOrEqual(1280);
    expect(() => interfaceMtu('a-name-that-is-too-long')).toThrowError(RangeError);
  });

  it('reads back a receive buffer twice as large as asked for', () => {
    const fd = libc().socket(AF_UNIX, SOCK_DGRAM, 0);
    libc().setsockoptInt(fd, SOL_SOCKET, SO_RCVBUF, 65536);
    expect(libc().getsockoptInt(fd, SOL_SOCKET, SO_RCVBUF)).toBe(2 * 65536);
    libc().close(fd);
  });

  it('holds a lock against a second holder', () => {
    const one = openSync('/proc/self/exe', 'r');
    const two = openSync('/proc/self/exe', 'r');
    flock(one, LOCK_EX | LOCK_NB);
    expect(() => flock(two, LOCK_EX | LOCK_NB)).toThrowError(/EAGAIN/);
    closeSync(one);
    flock(two, LOCK_EX | LOCK_NB);
    closeSync(two);
  });

  it('reaches an abstract UNIX socket, as a service manager has one', async () => {
    const name = `conntrackd-ts-test-${process.pid}`;
    const fd = libc().socket(AF_UNIX, SOCK_DGRAM, 0);
    const address = new Uint8Array(2 + 1 + name.length);
    new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
    address.set(text(name), 3);
    libc().bind(fd, address);
    libc().sendToUnix(`@${name}`, text('READY=1'));
    const got = new Uint8Array(64);
    const length = libc().receive(fd, got, MSG_DONTWAIT);
    expect(new TextDecoder().decode(got.subarray(0, length))).toBe('READY=1');
    libc().close(fd);
    expect(() => libc().sendToUnix(`@${name}`, text('x'))).toThrowError(/ECONNREFUSED/);
    expect(() => libc().sendToUnix('x'.repeat(200), text('x'))).toThrowError(RangeError);
  });
});

describe.skipIf(process.platform !== 'linux')('watching a descriptor', () => {
  it('calls back while there is something to read, not while paused, and never once closed', async () => {
    const fd = libc().socket(AF_INET, SOCK_DGRAM, 0);
    libc().bind(fd, loopback(0));
    const buffer = new Uint8Array(64);
    const got: number[] = [];
    const watch = watchReadable(fd, () => {
      got.push(libc().receive(fd, buffer, MSG_DONTWAIT));
    });
    const out = createSocket('udp4');
    const say = (word: string) =>
      new Promise<void>((resolve, reject) => {
        out.send(word, portOf(fd), '127.0.0.1', (error) => (error ? reject(error) : resolve()));
      });
    await say('a');
    await expect.poll(() => got).toEqual([1]);
    watch.pause();
    await say('bb');
    await sleep(30);
    expect(got).toEqual([1]);
    watch.resume();
    await expect.poll(() => got).toEqual([1, 2]);
    watch.close();
    watch.close();
    await say('ccc');
    await sleep(30);
    expect(got).toEqual([1, 2]);
    out.close();
    libc().close(fd);
  });

  it('ends the process with what the callback throws, which koffi would drop', async () => {
    const fd = libc().socket(AF_INET, SOCK_DGRAM, 0);
    libc().bind(fd, loopback(0));
    const buffer = new Uint8Array(64);
    const watch = watchReadable(fd, () => {
      libc().receive(fd, buffer, MSG_DONTWAIT);
      throw new Error('thrown by the reader');
    });
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    const uncaught = new Promise<Error>((resolve) => process.once('uncaughtException', resolve));
    const out = createSocket('udp4');
    try {
      out.send('a', portOf(fd), '127.0.0.1');
      expect((await uncaught).message).toBe('thrown by the reader');
    } finally {
      for (const listener of listeners) process.on('uncaughtException', listener);
      watch.close();
      out.close();
      libc().close(fd);
    }
  });
});
