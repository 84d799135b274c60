import fc from 'fast-check';
import { expect, test } from 'vitest';
import { copyBytes } from '../../src/bytes/copy.ts';
import { wordsOf } from '../../src/bytes/words.ts';

test('copies what set() copies, aligned or not, and nothing beside it', () => {
  const offset = fc.integer({ min: 0, max: 9 });
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 0, maxLength: 300 }),
      offset,
      offset,
      offset,
      offset,
      (data, a, b, c, d) => {
        const from = new Uint8Array(400).subarray(a);
        const to = new Uint8Array(400).fill(0x5a).subarray(b);
        from.set(data, c);
        const expected = to.slice();
        expected.set(data, d);
        copyBytes(from, wordsOf(from), c, data.length, to, wordsOf(to), d);
        expect(to).toEqual(expected);
      },
    ),
  );
});

test('tells arrays apart that share memory', () => {
  const memory = new Uint8Array(64).map((_, n) => n);
  const later = memory.subarray(8);
  const to = new Uint8Array(64);
  copyBytes(memory, wordsOf(memory), 8, 8, to, wordsOf(to), 0);
  copyBytes(later, wordsOf(later), 8, 8, to, wordsOf(to), 8);
  expect([...to.subarray(0, 16)]).toEqual([8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23]);
});
