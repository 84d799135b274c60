import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { statusOf } from '../../src/link/redundant.ts';
import { readLinkMessages } from '../../src/link/rtnetlink.ts';
import { captured } from './rtnetlink-capture.ts';

const bytesOf = (...names: (keyof typeof captured)[]) =>
  Uint8Array.from(Buffer.from(names.map((name) => captured[name]).join(''), 'hex'));

function read(bytes: Uint8Array, length = bytes.length) {
  const reported: { name: string; index: number; flags: number }[] = [];
  const whole = readLinkMessages(bytes, length, (name, index, flags) =>
    reported.push({ name, index, flags }),
  );
  return { whole, reported };
}

describe('a message of the kernel', () => {
  test('names the interface and its flags', () => {
    expect(read(bytesOf('carrier'))).toEqual({
      whole: true,
      reported: [{ name: 'eth1', index: 3, flags: 0x11043 }],
    });
  });

  test.each([
    ['carrier', 'RUNNING'],
    ['noCarrier', 'NO-CARRIER'],
    ['down', 'DOWN'],
    ['removed', 'DOWN'],
  ] as const)('%s means %s', (name, status) => {
    const { reported } = read(bytesOf(name));
    expect(reported.map(({ name, flags }) => [name, statusOf(flags)])).toEqual([['eth1', status]]);
  });

  test('about a port that left its bridge does not mean that the interface is gone', () => {
    expect(read(bytesOf('bridgePortLeft'))).toEqual({ whole: true, reported: [] });
  });

  test('may follow another in one read', () => {
    const { whole, reported } = read(bytesOf('noCarrier', 'bridgePortLeft', 'down'));
    expect(whole).toBe(true);
    expect(reported.map(({ flags }) => statusOf(flags))).toEqual(['NO-CARRIER', 'DOWN']);
  });

  test('that is cut short is not whole, and nothing beyond its end is read', () => {
    const bytes = bytesOf('carrier', 'down');
    const first = captured.carrier.length / 2;
    for (let length = first + 1; length < bytes.length; length += 7) {
      expect(read(bytes, length)).toEqual({
        whole: false,
        reported: [{ name: 'eth1', index: 3, flags: 0x11043 }],
      });
    }
  });

  test('of another type is ignored', () => {
    const bytes = bytesOf('carrier');
    bytes[4] = 20;
    expect(read(bytes)).toEqual({ whole: true, reported: [] });
  });

  test('of any bytes at all ends the reading, without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        read(noise);
        const bytes = bytesOf('down');
        bytes.set(noise.subarray(0, bytes.length - 16), 16);
        read(bytes);
      }),
    );
  });
});
