import { expect, it } from 'vitest';
import { libc } from '../../src/system/libc.ts';
import { NativeMemory } from '../../src/system/native-memory.ts';
import { ReceiveBatch } from '../../src/system/receive-batch.ts';

it.skipIf(process.platform !== 'linux')('keeps memory and its address together, and points into it', () => {
  const memory = new NativeMemory(20);
  expect(memory.bytes.length).toBe(24);
  expect(memory.address % 8).toBe(0);
  memory.point(8, 20);
  expect(memory.longs[1]).toBe(BigInt(memory.address + 20));
  expect(() => memory.point(8, 24)).toThrowError(RangeError);
  expect(() => memory.point(8, -1)).toThrowError(RangeError);
  expect(() => new NativeMemory(0)).toThrowError(RangeError);
});

it.skipIf(process.platform !== 'linux')('has no slots in a receive batch beyond its memory', () => {
  const batch = new ReceiveBatch(libc(), 4, 100);
  expect(batch.offset(3) + 100).toBeLessThanOrEqual(batch.bytes.length);
  expect(() => batch.offset(4)).toThrowError('no slot 4 of 4');
  expect(() => batch.offset(-1)).toThrowError(RangeError);
});
