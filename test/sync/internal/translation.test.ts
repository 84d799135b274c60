import { describe, expect, it } from 'vitest';
import type { Flow } from '../../../src/flow/flow.ts';
import { areTranslatedAlike } from '../../../src/sync/internal/translation.ts';
import { record } from '../../table/records.ts';

const NAT: Partial<Flow> = { sourceNat: { address: '203.0.113.1', port: 4000 } };

describe('whether two records of one key are translated alike', () => {
  const alike = (one: Partial<Flow>, other: Partial<Flow>): boolean => {
    const [left, right] = [record(1, one), record(1, other)];
    return areTranslatedAlike(left, 0, left.length, right, 0, right.length);
  };

  it.each<[string, Partial<Flow>, Partial<Flow>, boolean]>([
    ['neither is translated', {}, { mark: 7 }, true],
    ['both are to the same address', NAT, { ...NAT, mark: 7 }, true],
    ['one is not translated', NAT, {}, false],
    ['the other is not translated', {}, NAT, false],
    ['the addresses differ', NAT, { sourceNat: { address: '203.0.113.2', port: 4000 } }, false],
    ['the ports differ', NAT, { sourceNat: { address: '203.0.113.1', port: 4001 } }, false],
    [
      'one is of the source, one of the destination',
      NAT,
      { destinationNat: { address: '203.0.113.1', port: 4000 } },
      false,
    ],
  ])('where %s', (_, one, other, expected) => {
    expect(alike(one, other)).toBe(expected);
  });
});
