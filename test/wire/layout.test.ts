import { describe, expect, it } from 'vitest';
import { alignedWordsOf } from '../../src/bytes/words.ts';
import { checkRecord, FLOW_FORMAT, Form } from '../../src/wire/record.ts';
import { RecordChecker } from '../../src/wire/record-checker.ts';
import { NATED, record } from '../table/records.ts';

const aligned = (bytes: Uint8Array) => {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length));
  copy.set(bytes);
  return { bytes: copy, words: alignedWordsOf(copy), end: copy.length };
};

describe('layouts of records', () => {
  it('know a record by those that came before, wherever it lies, and no other of its size', () => {
    const checker = new RecordChecker(FLOW_FORMAT);
    const one = aligned(record(1, NATED));
    expect(checker.knows(one.words, 0, one.end)).toBe(false);
    checker.check(one.bytes, 0, one.end);
    const other = aligned(record(70_000, { ...NATED, mark: 9 }));
    expect(checker.knows(other.words, 0, other.end)).toBe(true);
    const far = aligned(new Uint8Array(2 * other.end));
    far.bytes.set(other.bytes, other.end);
    expect(checker.knows(far.words, other.end, 2 * other.end)).toBe(true);
    expect(checker.knows(far.words, 0, other.end)).toBe(false);
  });

  it('learn another one of the same size only when enough of them were not known', () => {
    const checker = new RecordChecker(FLOW_FORMAT);
    const marked = aligned(record(1, { mark: 1 }));
    const timed = aligned(record(1, { timeout: 1 }));
    expect(marked.end).toBe(timed.end);
    checker.check(marked.bytes, 0, marked.end);
    for (let n = 0; n < 64; n++) checker.check(timed.bytes, 0, timed.end);
    expect(checker.knows(timed.words, 0, timed.end)).toBe(false);
    expect(checker.knows(marked.words, 0, marked.end)).toBe(true);
    checker.check(timed.bytes, 0, timed.end);
    expect(checker.knows(timed.words, 0, timed.end)).toBe(true);
  });

  it('never change what a record is taken for: with any one bit turned', () => {
    const { bytes, words, end } = aligned(record(1, { ...NATED, zone: 3 }));
    const checker = new RecordChecker(FLOW_FORMAT);
    for (let n = 0; n < 100; n++) expect(checker.check(bytes, 0, end)).toBe(Form.CANONICAL);
    expect(checker.knows(words, 0, end)).toBe(true);
    const seen = new Set<Form>();
    for (let bit = 0; bit < 8 * end; bit++) {
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const form = checkRecord(FLOW_FORMAT, bytes, 0, end);
      expect(checker.check(bytes, 0, end)).toBe(form);
      seen.add(form);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
    }
    expect([...seen].sort()).toEqual([Form.MALFORMED, Form.CANONICAL, Form.LOOSE]);
  });
});
