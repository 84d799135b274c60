import { describe, expect, it } from 'vitest';
import { alignedWordsOf } from '../../src/bytes/words.ts';
import { VALUE_SIZE } from '../../src/wire/attribute.ts';
import { Layouts } from '../../src/wire/layout.ts';
import { checkRecord, FLOW_FORMAT, Form } from '../../src/wire/record.ts';
import { NATED, record } from '../table/records.ts';

const aligned = (bytes: Uint8Array) => {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return { bytes: copy, words: alignedWordsOf(copy), end: copy.length };
};

describe('layouts of records', () => {
  it('know a record by those that came before, wherever it lies, and no other of its size', () => {
    const layouts = new Layouts(VALUE_SIZE);
    const one = aligned(record(1, NATED));
    expect(layouts.has(one.words, 0, one.end)).toBe(false);
    layouts.note(one.words, 0, one.end);
    const other = aligned(record(70_000, { ...NATED, mark: 9 }));
    expect(layouts.has(other.words, 0, other.end)).toBe(true);
    const far = aligned(new Uint8Array(2 * other.end));
    far.bytes.set(other.bytes, other.end);
    expect(layouts.has(far.words, other.end, 2 * other.end)).toBe(true);
    expect(layouts.has(far.words, 0, other.end)).toBe(false);
  });

  it('learn another one of the same size only when enough of them were not known', () => {
    const layouts = new Layouts(VALUE_SIZE);
    const marked = aligned(record(1, { mark: 1 }));
    const timed = aligned(record(1, { timeout: 1 }));
    expect(marked.end).toBe(timed.end);
    layouts.note(marked.words, 0, marked.end);
    for (let n = 0; n < 64; n++) layouts.note(timed.words, 0, timed.end);
    expect(layouts.has(timed.words, 0, timed.end)).toBe(false);
    expect(layouts.has(marked.words, 0, marked.end)).toBe(true);
    layouts.note(timed.words, 0, timed.end);
    expect(layouts.has(timed.words, 0, timed.end)).toBe(true);
  });

  it('never change what a record is taken for: with any one bit turned', () => {
    const { bytes, words, end } = aligned(record(1, { ...NATED, zone: 3 }));
    for (let n = 0; n < 100; n++) expect(checkRecord(FLOW_FORMAT, bytes, 0, end, words)).toBe(Form.CANONICAL);
    expect(FLOW_FORMAT.layouts.has(words, 0, end)).toBe(true);
    const seen = new Set<Form>();
    for (let bit = 0; bit < 8 * end; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const form = checkRecord(FLOW_FORMAT, bytes, 0, end);
      expect(checkRecord(FLOW_FORMAT, bytes, 0, end, words)).toBe(form);
      seen.add(form);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
    expect([...seen].sort()).toEqual([Form.MALFORMED, Form.CANONICAL, Form.LOOSE]);
  });
});
