import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, it } from 'vitest';
import { isMulticast, maskAddress, readInetAton } from '../../src/config/addresses.ts';
import { formatIpv6 } from '../../src/flow/address.ts';
import { parseIpv6 } from '../../src/flow/parse-address.ts';

describe('an IPv4 address', () => {
  it('has octal numbers behind leading zeros, as inet_aton has it', () => {
    expect(readInetAton('10.0.0.1')).toEqual(Uint8Array.of(10, 0, 0, 1));
    expect(readInetAton('010.0.0.017')).toEqual(Uint8Array.of(8, 0, 0, 15));
    expect(readInetAton('08.0.0.1')).toBeUndefined();
    expect(readInetAton('0400.0.0.1')).toBeUndefined();
  });

  it('may be a single number', () => {
    expect(readInetAton('1024')).toEqual(Uint8Array.of(0, 0, 4, 0));
  });

  it('has four numbers of at most 255', () => {
    for (const text of ['256.0.0.1', '1.2.3', '1.2.3.4.5', 'beef', 'fe80::1', '1.2.3.4/24', '']) {
      expect(readInetAton(text)).toBeUndefined();
    }
  });
});

describe('an IPv6 address', () => {
  it('is accepted exactly where the C library accepts it', () => {
    const part = fc.constantFrom(':', '::', '0', '1', 'a', 'ff02', '12345', 'F');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 17 }), (parts) => {
        const text = parts.join('');
        expect(parseIpv6(text)).toEqual(
          isIPv6(text) ? Uint8Array.from(ipaddr.parse(text).toByteArray()) : undefined,
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('reads back what is printed, dotted quads too', () => {
    const group = fc.oneof(fc.constant([0, 0]), fc.tuple(fc.nat(255), fc.nat(255)));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const bytes = Uint8Array.from(groups.flat());
        const text = formatIpv6(bytes, 0);
        expect(parseIpv6(text)).toEqual(bytes);
      }),
    );
  });

  it('comes as 16 bytes', () => {
    expect(parseIpv6('ff02::1:50')).toEqual(
      Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0x50),
    );
  });
});

describe('a mask', () => {
  it('clears the bits behind the prefix', () => {
    const bytes = Uint8Array.of(255, 255, 255, 255);
    expect(maskAddress(bytes, 0)).toEqual(Uint8Array.of(0, 0, 0, 0));
    expect(maskAddress(bytes, 12)).toEqual(Uint8Array.of(255, 240, 0, 0));
    expect(maskAddress(bytes, 32)).toEqual(bytes);
  });
});

describe('a multicast address', () => {
  it('begins with 224 to 239, or ff', () => {
    expect(isMulticast(Uint8Array.of(223, 0, 0, 1))).toBe(false);
    expect(isMulticast(Uint8Array.of(224, 0, 0, 1))).toBe(true);
    expect(isMulticast(Uint8Array.of(239, 0, 0, 1))).toBe(true);
    expect(isMulticast(Uint8Array.of(240, 0, 0, 1))).toBe(false);
    expect(isMulticast(parseIpv6('ff02::1')!)).toBe(true);
    expect(isMulticast(parseIpv6('fe80::1')!)).toBe(false);
  });
});
