import { expect, test } from 'vitest';
import { GATHERING_TIME, Gathering } from '../../src/kernel/gathering.ts';

/** Lets `each` events be read every `apart` milliseconds for `milliseconds`, and returns how long it slept each time. */
function naps(milliseconds: number, apart: number, each: number, reads = 1): number[] {
  let now = 1000;
  const slept: number[] = [];
  const gathering = new Gathering(
    () => now,
    (time) => slept.push(time),
  );
  for (const end = now + milliseconds; now < end; now += apart) {
    const before = slept.length;
    gathering.await();
    if (slept.length === before) slept.push(0);
    for (let read = 0; read < reads; read++) gathering.took(each);
  }
  return slept;
}

test('what comes slowly is read at once', () => {
  expect(naps(1000, 5, 1).every((nap) => nap === 0)).toBe(true);
  expect(naps(1000, 1.1, 1).every((nap) => nap === 0)).toBe(true);
});

test('what comes fast is waited for, from the second window on', () => {
  const slept = naps(1000, 0.25, 1);
  expect(slept.slice(0, 40).every((nap) => nap === 0)).toBe(true);
  expect(slept.slice(41).every((nap) => nap === GATHERING_TIME)).toBe(true);
});

test('what comes in great numbers by itself is not waited for', () => {
  expect(naps(1000, 1, 128).every((nap) => nap === 0)).toBe(true);
  expect(naps(1000, 1, 20, 2).every((nap) => nap === 0)).toBe(true);
});

test('the first event after a pause is read at once', () => {
  let now = 0;
  let slept = 0;
  const gathering = new Gathering(
    () => now,
    () => slept++,
  );
  for (; now < 100; now += 0.25) {
    gathering.await();
    gathering.took(1);
  }
  const during = slept;
  expect(during).toBeGreaterThan(300);
  now += 50;
  gathering.await();
  expect(slept).toBe(during);
});
