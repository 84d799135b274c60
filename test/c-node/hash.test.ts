import { describe, expect, it } from 'vitest';
import { bucketOf, lookup2 } from '../../sim/c-node/hash.ts';

describe('lookup2', () => {
  it('spreads numbers that follow each other over all buckets', () => {
    const hit = new Set<number>();
    for (let n = 0; n < 4096; n++) {
      hit.add(bucketOf(lookup2(Int32Array.of(n, 0, 0, 0, 0), 5), 64));
    }
    expect([...hit].sort((a, b) => a - b)).toEqual(Array.from({ length: 64 }, (_, n) => n));
  });

  it('takes any number of words, and each of them counts', () => {
    for (let count = 1; count <= 11; count++) {
      const words = new Int32Array(11).fill(7);
      const before = lookup2(words, count);
      words[count - 1] = 8;
      expect(lookup2(words, count)).not.toBe(before);
    }
  });
});
