import { createSocket } from 'node:dgram';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Errno } from '../../src/kernel/errno.ts';
import {
  AF_INET,
  AF_UNIX,
  LOCK_EX,
  LOCK_NB,
  libc,
  MSG_DONTWAIT,
  SO_RCVBUF,
  SOCK_DGRAM,
  SOL_SOCKET,
} from '../../src/kernel/libc.ts';
import { ReceiveRing, SendRing } from '../../src/kernel/rings.ts';
import { SystemError } from '../../src/kernel/system-error.ts';

const text = (value: string) => new TextEncoder().encode(value);
const loopback = (port: number) => {
  const address = new Uint8Array(16);
  new Uint16Array(address.buffer)[0] = AF_INET;
  new DataView(address.buffer).setUint16(2, port);
  address.set([127, 0, 0, 1], 4);
  return address;
};
const portOf = (fd: number) => new DataView(libc().getsockname(fd).buffer).getUint16(2);

describe.skipIf(process.platform !== 'linux')('the system calls', () => {
  it('names the call and the reason when one fails', () => {
    expect(() => libc().socket(99, SOCK_DGRAM, 0)).toThrowError(SystemError);
    expect(() => libc().socket(99, SOCK_DGRAM, 0)).toThrowError(
      'socket: Address family not supported by protocol (EAFNOSUPPORT)',
    );
    expect(() => libc().ifNameToIndex('nosuch0')).toThrowError(/^if_nametoindex nosuch0: .*\(ENODEV\)$/);
  });

  it('says that an address is in use', () => {
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
    const index = libc().ifNameToIndex('lo');
    expect(libc().ifIndexToName(index)).toBe('lo');
    expect(libc().interfaceMtu('lo')).toBeGreaterThanOrEqual(1280);
    expect(() => libc().interfaceMtu('a-name-that-is-too-long')).toThrowError(RangeError);
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
    libc().flock(one, LOCK_EX | LOCK_NB);
    expect(() => libc().flock(two, LOCK_EX | LOCK_NB)).toThrowError(/EAGAIN/);
    closeSync(one);
    libc().flock(two, LOCK_EX | LOCK_NB);
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

describe.skipIf(process.platform !== 'linux')('rings of datagrams', () => {
  let receiver: number;
  let sender: number;
  beforeEach(() => {
    receiver = libc().socket(AF_INET, SOCK_DGRAM, 0);
    sender = libc().socket(AF_INET, SOCK_DGRAM, 0);
    libc().bind(receiver, loopback(0));
    libc().bind(sender, loopback(0));
  });
  afterEach(() => {
    libc().close(receiver);
    libc().close(sender);
  });

  const contents = (ring: ReceiveRing, count: number) =>
    Array.from({ length: count }, (_, n) =>
      new TextDecoder().decode(ring.bytes.subarray(ring.offset(n), ring.offset(n) + ring.length(n))),
    );

  it('carries datagrams in order, with the address of who sent them', () => {
    const out = new SendRing(libc(), 8, 100, loopback(portOf(receiver)));
    const into = new ReceiveRing(libc(), 4, 100, true);
    for (let n = 0; n < 6; n++) out.push(text(`-datagram ${n}`), 1, 11);
    expect(out.size).toBe(6);
    expect(out.flush(sender)).toBe(6);
    expect(out.size).toBe(0);
    for (const expected of [
      ['datagram 0', 'datagram 1', 'datagram 2', 'datagram 3'],
      ['datagram 4', 'datagram 5'],
    ]) {
      const count = into.receive(receiver);
      expect(contents(into, count)).toEqual(expected);
      for (let n = 0; n < count; n++) {
        expect(into.addressLength(n)).toBe(16);
        const port = new DataView(into.bytes.buffer).getUint16(into.addressOffset(n) + 2);
        expect(port).toBe(portOf(sender));
      }
    }
    expect(into.receive(receiver)).toBe(-Errno.EAGAIN);
  });

  it('marks a datagram that is longer than its slot', () => {
    const out = new SendRing(libc(), 2, 100, loopback(portOf(receiver)));
    const into = new ReceiveRing(libc(), 2, 10);
    out.push(text('0123456789'), 0, 10);
    out.push(text('0123456789+'), 0, 11);
    out.flush(sender);
    expect(into.receive(receiver)).toBe(2);
    expect([into.truncated(0), into.truncated(1)]).toEqual([false, true]);
    expect(contents(into, 2)).toEqual(['0123456789', '0123456789']);
  });

  it('refuses what does not fit', () => {
    const out = new SendRing(libc(), 1, 4, loopback(1));
    expect(() => out.push(text('12345'), 0, 5)).toThrowError(RangeError);
    out.push(text('1234'), 0, 4);
    expect(() => out.push(text('1'), 0, 1)).toThrowError('the ring is full (1 datagrams)');
  });

  it('keeps what it could not send, in order', () => {
    const out = new SendRing(libc(), 4, 16, loopback(portOf(receiver)));
    for (const word of ['a', 'bb', 'ccc']) out.push(text(word), 0, word.length);
    out.drop(1);
    out.flush(sender);
    const into = new ReceiveRing(libc(), 4, 16);
    expect(contents(into, into.receive(receiver))).toEqual(['bb', 'ccc']);
  });

  it('survives collections of garbage between calls', () => {
    const out = new SendRing(libc(), 64, 512, loopback(portOf(receiver)));
    const into = new ReceiveRing(libc(), 64, 512);
    let total = 0;
    for (let round = 0; round < 50; round++) {
      for (let n = 0; n < 64; n++) out.push(text(`${round}/${n}`.padEnd(500, '.')), 0, 500);
      out.flush(sender);
      const litter = Array.from({ length: 2000 }, (_, n) => new Uint8Array(n));
      total += litter.length;
      const count = into.receive(receiver);
      expect(contents(into, count)).toEqual(
        Array.from({ length: count }, (_, n) => `${round}/${n}`.padEnd(500, '.')),
      );
      while (into.receive(receiver) > 0);
    }
    expect(total).toBe(100_000);
  });
});

describe.skipIf(process.platform !== 'linux')('watching a descriptor', () => {
  it('calls back while there is something to read, not while paused, and never once closed', async () => {
    const fd = libc().socket(AF_INET, SOCK_DGRAM, 0);
    libc().bind(fd, loopback(0));
    const buffer = new Uint8Array(64);
    const got: number[] = [];
    const watch = libc().watchReadable(fd, () => {
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
});
