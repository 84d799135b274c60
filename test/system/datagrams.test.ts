import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Errno } from '../../src/system/errno.ts';
import { AF_INET, libc, MSG_DONTWAIT, SO_NO_CHECK, SOCK_DGRAM, SOL_SOCKET } from '../../src/system/libc.ts';
import { SOL_UDP, UDP_GRO } from '../../src/system/message-header.ts';
import { DatagramBatch, ReceiveBatch } from '../../src/system/receive-batch.ts';
import { SegmentationBatch } from '../../src/system/segmentation-batch.ts';
import { loopback, portOf } from './loopback.ts';

const text = (value: string) => new TextEncoder().encode(value);

describe.skipIf(process.platform !== 'linux')('many datagrams in one call', () => {
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

  const say = (words: readonly string[]) => {
    for (const word of words) {
      const bytes = text(word);
      libc().sendTo(sender, bytes, bytes.length, MSG_DONTWAIT, loopback(portOf(receiver)));
    }
  };
  const contents = (ring: ReceiveBatch, count: number) =>
    Array.from({ length: count }, (_, n) =>
      new TextDecoder().decode(ring.bytes.subarray(ring.offset(n), ring.offset(n) + ring.length(n))),
    );
  const numbered = (count: number) =>
    Array.from({ length: count }, (_, n) => `datagram ${n}`.padEnd(20, '.'));
  const trainTo = (limit: number) => new SegmentationBatch(libc(), loopback(portOf(receiver)), limit);
  const receivedOneByOne = () => {
    const into = new ReceiveBatch(libc(), 64, 65_536);
    return contents(into, Math.max(into.receive(receiver), 0));
  };

  describe('a receive ring', () => {
    it('takes datagrams in order, with the address of who sent them', () => {
      const into = new DatagramBatch(libc(), 4, 100);
      say(['one', 'two', 'three', 'four', 'five', 'six']);
      for (const expected of [
        ['one', 'two', 'three', 'four'],
        ['five', 'six'],
      ]) {
        const count = into.receive(receiver);
        expect(contents(into, count)).toEqual(expected);
        for (let n = 0; n < count; n++) {
          expect(into.segment(n)).toBe(into.length(n));
          const port = new DataView(into.bytes.buffer).getUint16(into.addressOffset(n) + 2);
          expect(port).toBe(portOf(sender));
        }
      }
      expect(into.receive(receiver)).toBe(-Errno.EAGAIN);
    });

    it('marks a datagram that is longer than its slot', () => {
      const into = new ReceiveBatch(libc(), 2, 10);
      say(['0123456789', '0123456789+']);
      expect(into.receive(receiver)).toBe(2);
      expect([into.truncated(0), into.truncated(1)]).toEqual([false, true]);
      expect(contents(into, 2)).toEqual(['0123456789', '0123456789']);
    });
  });

  describe('a train', () => {
    it('arrives as the datagrams that it was made of', () => {
      const train = trainTo(16);
      const words = [...numbered(15), 'a shorter one'];
      for (const word of words) expect(train.push(text(word), word.length)).toBe(true);
      expect(train.size).toBe(16);
      expect(train.send(sender, MSG_DONTWAIT)).toBe(15 * 20 + 13);
      expect(train.size).toBe(0);
      expect(receivedOneByOne()).toEqual(words);
    });

    it('takes no longer one, none behind a shorter one, and no more than its limit', () => {
      const train = trainTo(3);
      const push = (size: number) => train.push(new Uint8Array(size), size);
      expect([push(8), push(9), push(4), push(4)]).toEqual([true, false, true, false]);
      expect(train.take().map(({ length }) => length)).toEqual([8, 4]);
      expect([push(8), push(8), push(8), push(8)]).toEqual([true, true, true, false]);
      expect(train.take()).toHaveLength(3);
      expect([push(60_000), push(60_000)]).toEqual([true, false]);
      train.take();
      expect(push(65_500)).toBe(false);
    });

    it('of one datagram is that datagram', () => {
      const train = trainTo(1);
      expect(train.push(text('alone'), 5)).toBe(true);
      expect(train.push(text('later'), 5)).toBe(false);
      expect(train.send(sender, MSG_DONTWAIT)).toBe(5);
      expect(receivedOneByOne()).toEqual(['alone']);
    });

    it('can be sent again, as long or as short as it likes', () => {
      const train = trainTo(16);
      for (const size of [5, 1, 16, 2]) {
        const words = numbered(size);
        for (const word of words) train.push(text(word), word.length);
        train.send(sender, MSG_DONTWAIT);
        expect(receivedOneByOne()).toEqual(words);
      }
    });

    it('keeps what the kernel refused', () => {
      libc().setsockoptInt(sender, SOL_SOCKET, SO_NO_CHECK, 1);
      const train = trainTo(16);
      for (const word of numbered(3)) train.push(text(word), word.length);
      expect(train.send(sender, MSG_DONTWAIT)).toBe(-Errno.EINVAL);
      expect(train.take().map((bytes) => new TextDecoder().decode(bytes))).toEqual(numbered(3));
      expect(receivedOneByOne()).toEqual([]);
    });

    it('is received as a whole where that is asked for, with the place to cut', () => {
      libc().setsockoptInt(receiver, SOL_UDP, UDP_GRO, 1);
      const into = new DatagramBatch(libc(), 4, 65_536);
      const train = trainTo(16);
      for (let round = 0; round < 3; round++) {
        const words = [...numbered(7), `end ${round}`];
        say([`alone ${round}`]);
        for (const word of words) train.push(text(word), word.length);
        train.send(sender, MSG_DONTWAIT);
        expect(into.receive(receiver)).toBe(2);
        expect(contents(into, 2)).toEqual([`alone ${round}`, words.join('')]);
        expect([into.segment(0), into.segment(1)]).toEqual([7, 20]);
      }
    });

    it('survives collections of garbage between calls', () => {
      const into = new ReceiveBatch(libc(), 64, 512);
      const train = trainTo(64);
      let total = 0;
      for (let round = 0; round < 50; round++) {
        const words = Array.from({ length: 64 }, (_, n) => `${round}/${n}`.padEnd(500, '.'));
        for (const word of words) train.push(text(word), 500);
        train.send(sender, MSG_DONTWAIT);
        const litter = Array.from({ length: 2000 }, (_, n) => new Uint8Array(n));
        total += litter.length;
        const count = into.receive(receiver);
        expect(contents(into, count)).toEqual(words.slice(0, count));
        expect(count).toBeGreaterThan(0);
        while (into.receive(receiver) > 0);
      }
      expect(total).toBe(100_000);
    });
  });
});
