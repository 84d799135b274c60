import { describe, expect, test } from 'vitest';
import { type AddressMessage, readAddressMessages } from '../../src/link/rtnetlink-addresses.ts';

const NEW = 20;
const DELETE = 21;

/** A message in this machine's byte order: header, `struct ifaddrmsg`, attributes. */
function message(type: number, flags: number, index: number, attributes: [number, number[]][]): Uint8Array {
  const bytes = Buffer.alloc(256);
  let at = 24;
  for (const [kind, value] of attributes) {
    new Uint16Array(bytes.buffer, bytes.byteOffset + at, 2).set([4 + value.length, kind]);
    bytes.set(value, at + 4);
    at += 4 + ((value.length + 3) & ~3);
  }
  new Uint32Array(bytes.buffer, bytes.byteOffset, 1)[0] = at;
  new Uint16Array(bytes.buffer, bytes.byteOffset + 4, 1)[0] = type;
  bytes[18] = flags;
  new Uint32Array(bytes.buffer, bytes.byteOffset + 20, 1)[0] = index;
  return bytes.subarray(0, at);
}

function read(bytes: Uint8Array, length = bytes.length) {
  const messages: AddressMessage[] = [];
  const ends: number[] = [];
  const whole = readAddressMessages(
    bytes,
    length,
    (one) => messages.push(one),
    (errno) => ends.push(Math.abs(errno)),
  );
  return { whole, messages, ends };
}

const ADDRESS = 1;
const LOCAL = 2;
const FLAGS = 8;
const u32 = (value: number) => [...new Uint8Array(Uint32Array.of(value).buffer)];

describe('a message about an address', () => {
  test('names the interface and the own end, not the other end of a point-to-point link', () => {
    const both = message(NEW, 0x80, 7, [
      [ADDRESS, [10, 0, 0, 2]],
      [LOCAL, [10, 0, 0, 1]],
      [FLAGS, u32(0x80)],
    ]);
    expect(read(both)).toEqual({
      whole: true,
      messages: [
        { isRemoved: false, interfaceIndex: 7, address: Uint8Array.of(10, 0, 0, 1), isPermanent: true },
      ],
      ends: [],
    });
  });

  test('tells an address with a lifetime by the flags of 32 bits, which override those of 8', () => {
    const text = [0x20, 1, 0xd, 0xb8, ...new Array<number>(12).fill(0)];
    const [one] = read(
      message(DELETE, 0x80, 3, [
        [ADDRESS, text],
        [FLAGS, u32(0x100)],
      ]),
    ).messages;
    expect(one).toEqual({
      isRemoved: true,
      interfaceIndex: 3,
      address: Uint8Array.from(text),
      isPermanent: false,
    });
    expect(read(message(NEW, 0x80, 3, [[ADDRESS, text]])).messages[0]!.isPermanent).toBe(true);
  });

  test('is skipped where it is of another type, and not understood where it has no address or is cut short', () => {
    expect(read(message(16, 0, 1, [[ADDRESS, [1, 2, 3, 4]]]))).toEqual({
      whole: true,
      messages: [],
      ends: [],
    });
    expect(read(message(NEW, 0, 1, []))).toMatchObject({ whole: false, messages: [] });
    expect(read(message(NEW, 0, 1, [[ADDRESS, [1, 2, 3]]]))).toMatchObject({ whole: false, messages: [] });
    const whole = message(NEW, 0, 1, [[ADDRESS, [1, 2, 3, 4]]]);
    for (let length = 1; length < whole.length; length++) {
      expect(read(whole, length)).toMatchObject({ whole: false, messages: [] });
    }
    const lying = Uint8Array.from(whole);
    new Uint16Array(lying.buffer, 24, 1)[0] = 200;
    expect(read(lying)).toMatchObject({ whole: false, messages: [] });
  });

  test('of the end of a dump shows how it ended', () => {
    const end = Uint8Array.from(Buffer.alloc(20));
    new Uint32Array(end.buffer, 0, 1)[0] = 20;
    new Uint16Array(end.buffer, 4, 1)[0] = 3;
    expect(read(end).ends).toEqual([0]);
    new Uint16Array(end.buffer, 4, 1)[0] = 2;
    new Int32Array(end.buffer, 16, 1)[0] = -13;
    expect(read(end).ends).toEqual([13]);
  });
});
