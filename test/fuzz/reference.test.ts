import { describe, expect, it } from 'vitest';
import { fateOf, ReferenceReader } from '../../sim/fuzz/reference.ts';
import { capturedDatagrams, capturedRecords } from '../../sim/fuzz/seeds.ts';

describe('the reference of the protocol', () => {
  it.each(['flow', 'expectation'] as const)('takes what C nodes sent for canonical: %s', (kind) => {
    const reader = new ReferenceReader(kind);
    const records = capturedRecords(kind);
    expect(records.length).toBeGreaterThan(10);
    for (const record of records) {
      expect(reader.read(record, 0, record.length)).toBe(true);
      expect(reader.isCanonical(record, 0, record.length)).toBe(true);
    }
  });

  it.each([
    ['a length below 4', 'framing', [0, 3, 0, 7, 1]],
    ['a length beyond the end', 'framing', [0, 9, 0, 7, 1, 2, 3, 4]],
    ['type 33', 'type', [0, 8, 0, 33, 1, 2, 3, 4]],
    ['a wrong size', 'size', [0, 6, 0, 7, 1, 2, 0, 0]],
    ['a name without NUL', 'text', [0, 6, 0, 27, 1, 2, 0, 0]],
    ['no key', 'key', [0, 8, 0, 7, 1, 2, 3, 4]],
  ])('gives the reason why a record is malformed: %s', (_, trouble, bytes) => {
    const reader = new ReferenceReader('flow');
    expect(reader.read(Uint8Array.from(bytes), 0, bytes.length)).toBe(false);
    expect(reader.trouble).toBe(trouble);
  });

  it('takes every message that C nodes sent in FT-FW for one', () => {
    for (const datagram of capturedDatagrams()) {
      for (let at = 0; at < datagram.length; ) {
        expect(['data', 'control']).toContain(fateOf(datagram, at, datagram.length, 'ftfw'));
        at += (datagram[at + 2]! << 8) | datagram[at + 3]!;
      }
    }
  });
});
