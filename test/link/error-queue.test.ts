import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ErrorQueue } from '../../src/link/error-queue.ts';

const chunk = (number: number, size = 4) => {
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
};
const numbers = (queue: ErrorQueue) => {
  const found: number[] = [];
  for (let next = queue.shift(); next; next = queue.shift()) {
    found.push(new DataView(next.buffer).getUint32(0));
  }
  return found;
};
const fill = (queue: ErrorQueue, first: number, last: number) => {
  let dropped = 0;
  for (let n = first; n <= last; n++) dropped += queue.add(chunk(n));
  return dropped;
};

describe('while no connection is there', () => {
  test('the queue keeps the newest datagrams, and counts how many old ones it dropped', () => {
    const queue = new ErrorQueue(128);
    fill(queue, 1, 300);
    expect(queue.shorten()).toBe(172);
    expect(queue.dropped).toBe(172);
    expect(queue.bytes).toBe(128 * 4);
    expect(numbers(queue)).toEqual(Array.from({ length: 128 }, (_, n) => 173 + n));
  });
});

describe('while a connection is there', () => {
  test('no datagram is dropped before too many bytes wait', () => {
    const queue = new ErrorQueue(2, 100);
    expect(fill(queue, 1, 25)).toBe(0);
    expect(fill(queue, 26, 27)).toBe(2);
    expect(queue.dropped).toBe(2);
    expect(queue.bytes).toBe(100);
  });

  test('the configured number of datagrams may wait, however long they are', () => {
    const queue = new ErrorQueue(3, 100);
    for (let n = 1; n <= 3; n++) expect(queue.add(chunk(n, 1000))).toBe(0);
    expect(queue.add(chunk(4, 1000))).toBe(1);
    expect(numbers(queue)).toEqual([2, 3, 4]);
  });
});

test('what is put back comes first, in its order', () => {
  const queue = new ErrorQueue(10);
  fill(queue, 1, 4);
  const taken = [queue.shift()!, queue.shift()!];
  queue.putBack(taken);
  queue.putBack([]);
  expect(queue.bytes).toBe(16);
  expect(numbers(queue)).toEqual([1, 2, 3, 4]);
  expect(queue.shift()).toBeUndefined();
});

test('behaves as a plain list that is cut at its head', () => {
  const step = fc.oneof(
    fc.record({ what: fc.constant('add' as const), count: fc.integer({ min: 1, max: 2000 }) }),
    fc.record({ what: fc.constant('shift' as const), count: fc.integer({ min: 1, max: 2000 }) }),
    fc.record({ what: fc.constant('shorten' as const), count: fc.constant(1) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const queue = new ErrorQueue(500);
      let model: number[] = [];
      let next = 0;
      for (const { what, count } of steps) {
        if (what === 'shorten') {
          expect(queue.shorten()).toBe(Math.max(0, model.length - 500));
          model = model.slice(-500);
        }
        for (let n = 0; n < count && what !== 'shorten'; n++) {
          if (what === 'add') {
            queue.add(chunk(next));
            model.push(next++);
          } else {
            const bytes = queue.shift();
            const expected = model.shift();
            expect(bytes && new DataView(bytes.buffer).getUint32(0)).toBe(expected);
          }
        }
        expect(queue.length).toBe(model.length);
        expect(queue.bytes).toBe(4 * model.length);
      }
      expect(numbers(queue)).toEqual(model);
    }),
    { numRuns: 30 },
  );
});

test('a queue without room is refused', () => {
  expect(() => new ErrorQueue(0)).toThrow(new RangeError('not a length of a queue: 0'));
});
