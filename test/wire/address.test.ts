import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressSize, formatAddress, formatIpv4, formatIpv6 } from '../../src/flow/address.ts';
import { parseAddress } from '../../src/flow/parse-address.ts';

interface Table<Row> {
  readonly captured: string;
  readonly rows: readonly Row[];
}

function table<Row>(name: string): readonly Row[] {
  const file = JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')) as Table<Row>;
  return file.rows;
}

describe('addresses as text', () => {
  it('prints IPv6 as glibc does', () => {
    const rows = table<[hex: string, text: string]>('./inet-ntop.json');
    expect(rows.length).toBeGreaterThan(300);
    for (const [hex, text] of rows) expect(formatIpv6(Buffer.from(hex, 'hex'), 0), hex).toBe(text);
  });

  it('prints IPv4 as dotted decimal, from any offset', () => {
    expect(formatIpv4(Uint8Array.of(9, 192, 168, 0, 255), 1)).toBe('192.168.0.255');
  });

  it.each(table<[text: string, hex: string | null]>('./inet-pton.json'))(
    "reads `%s' as glibc does",
    (text, hex) => {
      if (hex === null) expect(() => parseAddress(text)).toThrow(RangeError);
      else expect(Buffer.from(parseAddress(text)).toString('hex')).toBe(hex);
    },
  );

  it('names the text that is no address', () => {
    expect(() => parseAddress('10.0.0.300')).toThrow("`10.0.0.300'");
  });

  it('reads back what it prints', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(4 as const, 6 as const),
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        (family, bytes) => {
          const size = addressSize(family);
          expect(parseAddress(formatAddress(family, bytes, 0))).toEqual(bytes.slice(0, size));
        },
      ),
    );
  });
});
