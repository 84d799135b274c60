import { expect, test } from 'vitest';
import { EventCoalescer } from '../../src/daemon/common/event-coalescer.ts';

const ROOM = 8 << 20;

/** The interval after a second of so many events a millisecond. */
function intervalAt(rate: number, bufferSize = ROOM): number {
  const pace = new EventCoalescer(0);
  for (let now = 0; now <= 1000; now++) pace.recordRead(rate, now);
  return pace.waitMs(bufferSize);
}

test('slow events are read as they come', () => {
  expect(intervalAt(0)).toBe(0);
  expect(intervalAt(0.9)).toBe(0);
});

test('fast events are read several at a time, and wait 4 ms at most', () => {
  expect(intervalAt(1.1)).toBe(4);
  expect(intervalAt(2.4)).toBe(4);
  expect(intervalAt(3)).toBe(3);
  expect(intervalAt(5)).toBe(2);
  expect(intervalAt(10)).toBe(1);
  expect(intervalAt(19)).toBe(1);
});

test('events that saturate the processor wait longer again', () => {
  expect(intervalAt(21)).toBe(3);
  expect(intervalAt(100)).toBe(3);
});

test('events that would fill a quarter of the buffer wait less, or not at all', () => {
  expect(intervalAt(100, 1 << 20)).toBe(2);
  expect(intervalAt(100, 1 << 19)).toBe(1);
  expect(intervalAt(100, 212_992)).toBe(0);
  expect(intervalAt(10, 212_992)).toBe(1);
});

test('the first of a burst is read as it comes, and so is the first after a pause', () => {
  const pace = new EventCoalescer(0);
  pace.recordRead(100, 5);
  expect(pace.waitMs(ROOM)).toBe(0);
  pace.recordRead(100, 11);
  expect(pace.waitMs(ROOM)).toBe(1);
  pace.recordRead(0, 1000);
  expect(pace.waitMs(ROOM)).toBe(0);
});
