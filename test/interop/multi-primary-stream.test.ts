import { expect, test } from 'vitest';
import { playStream } from '../../sim/multi-primary/play.ts';
import { ourProgram } from './programs.ts';

test('a stream without events stays in all kernels while its packets pass one, and ends in all', {
  timeout: 300_000,
}, async () => {
  const member = { program: ourProgram, isOurs: true };
  const { streams, goesOn, afterwards } = await playStream([member, member, member]);
  expect(streams).toEqual([1, 1, 1]);
  expect(goesOn).toBe(true);
  expect(afterwards).toEqual([0, 0]);
});
