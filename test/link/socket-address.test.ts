import { expect, test } from 'vitest';
import { groupRequest4, groupRequest6, socketAddress } from '../../src/link/socket-address.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

test('addresses lie in memory as the C structures do on a little-endian machine', () => {
  expect(hex(socketAddress(4, '192.0.2.1', 3780, 7))).toBe('02000ec4c00002010000000000000000');
  expect(hex(socketAddress(6, 'fe80::1', 3780, 7))).toBe(
    '0a000ec400000000fe80000000000000000000000000000107000000',
  );
  expect(hex(groupRequest4('225.0.0.50', undefined, 7))).toBe('e10000320000000007000000');
  expect(hex(groupRequest4('225.0.0.50', '192.0.2.1', 7))).toBe('e1000032c000020100000000');
  expect(hex(groupRequest6('ff05::50', 7))).toBe('ff05000000000000000000000000005007000000');
});

test('an address of the other family is refused by name', () => {
  expect(() => socketAddress(4, '2001:db8::1', 1, 0)).toThrow("not an IPv4 address: `2001:db8::1'");
  expect(() => socketAddress(6, '192.0.2.1', 1, 0)).toThrow("not an IPv6 address: `192.0.2.1'");
});
