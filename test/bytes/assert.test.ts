import { expect, it } from 'vitest';
import { AssertionError, assert } from '../../src/bytes/assert.ts';

it('throws an error of its own where the condition does not hold', () => {
  expect(() => assert(true, 'one is one')).not.toThrow();
  expect(() => assert(false, 'one is two')).toThrow(AssertionError);
  expect(() => assert(false, 'one is two')).toThrow('one is two');
});
