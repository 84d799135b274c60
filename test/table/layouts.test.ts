import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { flow } from '../../sim/fuzz/generators.ts';
import { wordsOf } from '../../src/bytes/words.ts';
import { ExternalCache } from '../../src/table/external-cache.ts';
import { FlowKeyer } from '../../src/table/key.ts';
import { NO_LAYOUT, RecordLayouts } from '../../src/table/record-layouts.ts';
import { RecordTable } from '../../src/table/record-table.ts';
import { Attr, RECORD_MAX } from '../../src/wire/attribute.ts';
import { encodeFlow } from '../../src/wire/encode.ts';
import { FLOW_FORMAT, mergeRecords, wireSize } from '../../src/wire/record.ts';
import { attributesOf, concatenate, tlv } from '../support/attributes.ts';
import { NATED, record, withLocalPort } from './records.ts';

const KEYER = new FlowKeyer(1);

function numberOf(layouts: RecordLayouts, bytes: Uint8Array): number {
  return layouts.numberOf(wordsOf(bytes), 0, bytes.length);
}

/** What makes a record’s layout: its attributes' types and sizes. */
function headersOf(bytes: Uint8Array): string {
  return attributesOf(bytes)
    .map((attribute) => attribute.subarray(0, 4).join('.'))
    .join(' ');
}

/** A flow's record, with our own local attributes or without. */
const anyRecord = fc
  .tuple(flow(), fc.constantFrom('', 'ports', 'id', 'both'))
  .map(([some, local]) =>
    concatenate([
      encodeFlow(some),
      local === 'ports' || local === 'both' ? tlv(Attr.LOCAL_PORT, [0, 1, 0, 2]) : [],
      local === 'id' || local === 'both' ? tlv(Attr.LOCAL_ID, [9, 8, 7, 6]) : [],
    ]),
  );

describe('layouts of the records of a table', () => {
  it('are the same exactly for records with the same attributes of the same sizes', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 2, maxLength: 12 }), (records) => {
        const layouts = new RecordLayouts(KEYER);
        const numbers = new Map<string, number>();
        for (const bytes of [...records, ...records]) {
          const number = numberOf(layouts, bytes);
          if (number === NO_LAYOUT) continue;
          const headers = headersOf(bytes);
          expect(numbers.get(headers) ?? number).toBe(number);
          numbers.set(headers, number);
        }
        expect(new Set(numbers.values()).size).toBe(numbers.size);
      }),
    );
  });

  it('give how much of a record goes on the wire, and how its key is taken', () => {
    const slow = new FlowKeyer(1);
    fc.assert(
      fc.property(anyRecord, anyRecord, (bytes, other) => {
        const layouts = new RecordLayouts(KEYER);
        const layout = numberOf(layouts, bytes);
        expect(layout).not.toBe(NO_LAYOUT);
        expect(layouts.wireSizeOf(layout)).toBe(wireSize(bytes, 0, bytes.length));
        const hash = KEYER.load(bytes, 0, bytes.length, wordsOf(bytes), layouts.keyLayoutOf(layout));
        expect(hash).toBe(slow.load(bytes, 0, bytes.length));
        const keyLayout = layouts.keyLayoutOf(numberOf(layouts, other));
        expect(KEYER.matches(other, 0, other.length, wordsOf(other), keyLayout)).toBe(
          slow.matches(other, 0, other.length),
        );
      }),
      { numRuns: 500 },
    );
  });

  it('are computed for each record of another zone or with local ports, which are of its key', () => {
    const layouts = new RecordLayouts(KEYER);
    const plain = record(1, NATED);
    const zoned = record(1, { ...NATED, zone: 3 });
    expect(layouts.keyLayoutOf(numberOf(layouts, plain))).toBe(2);
    expect(layouts.keyLayoutOf(numberOf(layouts, zoned))).toBe(0);
    expect(layouts.keyLayoutOf(numberOf(layouts, withLocalPort(plain, 1, 2)))).toBe(0);
  });

  it('are none where a record cannot be read by words, or is none', () => {
    const layouts = new RecordLayouts(KEYER);
    const bytes = record(1);
    expect(layouts.numberOf(new Int32Array(0), 0, bytes.length)).toBe(NO_LAYOUT);
    expect(layouts.numberOf(wordsOf(bytes), 2, bytes.length)).toBe(NO_LAYOUT);
    expect(layouts.numberOf(wordsOf(bytes), 0, bytes.length - 4)).toBe(NO_LAYOUT);
    expect(layouts.numberOf(wordsOf(bytes), 0, 0)).toBe(NO_LAYOUT);
    expect(layouts.numberOf(new Int32Array(8), 0, 32)).toBe(NO_LAYOUT);
  });

  it('are a few of each size at most, and what has none is merged, found and measured all the same', () => {
    // Ten layouts of one size: an attribute of four bytes more each.
    const extras = [Attr.MARK, Attr.TIMEOUT, Attr.SCTP_VTAG_ORIG, Attr.SCTP_VTAG_REPL, Attr.TCP_STATE];
    const local = [
      Attr.TCP_WSCALE_ORIG,
      Attr.TCP_WSCALE_REPL,
      Attr.DCCP_STATE,
      Attr.DCCP_ROLE,
      Attr.SCTP_STATE,
    ];
    const records = [
      ...extras.map((type) => tlv(type, type === Attr.TCP_STATE ? [3] : [0, 0, 0, 1])),
      ...local.map((type) => tlv(type, [1])),
    ].map((extra, n) => concatenate([record(n), extra]));
    const layouts = new RecordLayouts(KEYER);
    const numbers = records.map((bytes) => numberOf(layouts, bytes));
    expect(numbers.filter((number) => number !== NO_LAYOUT)).toHaveLength(4);

    const table = new RecordTable(new FlowKeyer(1), 100);
    const slots = records.map((bytes) => {
      expect(table.find(bytes, 0, bytes.length)).toBe(-1);
      return table.add(bytes, 0, bytes.length, 0);
    });
    records.forEach((bytes, n) => {
      expect(table.find(bytes, 0, bytes.length)).toBe(slots[n]);
      expect(table.wireSizeOf(slots[n]!)).toBe(bytes.length);
      expect(table.replaceSameLayout(slots[n]!, bytes, 0, bytes.length)).toBe(numbers[n] !== NO_LAYOUT);
    });
  });

  it('make no difference to what an update makes of a known record', () => {
    const out = new Uint8Array(RECORD_MAX);
    fc.assert(
      fc.property(flow(), fc.array(flow(), { minLength: 1, maxLength: 6 }), (first, others) => {
        const { original, zone } = first;
        const cache = new ExternalCache(FLOW_FORMAT, new FlowKeyer(1), 10);
        let known = encodeFlow(first);
        const slot = cache.update(known, 0, known.length, 0);
        for (const other of [first, ...others, ...others]) {
          if (other.original.family !== original.family) continue;
          const { zone: _, ...rest } = other;
          const update = encodeFlow({ ...rest, original, ...(zone === undefined ? {} : { zone }) });
          const size = mergeRecords(FLOW_FORMAT, known, 0, known.length, update, 0, update.length, out, 0);
          known = out.slice(0, size);
          expect(cache.update(update, 0, update.length, 1)).toBe(slot);
          const at = cache.table.offsetOf(slot);
          expect(cache.table.bytesOf(slot).slice(at, at + cache.table.sizeOf(slot))).toEqual(known);
        }
      }),
      { numRuns: 500 },
    );
  });
});
