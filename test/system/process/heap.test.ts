import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { trimNativeMemory, withoutHeapGrowth } from '../../../src/system/process/heap.ts';

/** Bytes of the space for new objects, in which half is in use at a time. */
const newSpace = (): number =>
  getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')!.space_size;

/** Makes objects, of which some thousand live on for a while. */
function makeObjects(): void {
  for (let round = 0; round < 50; round++) {
    const kept: object[] = [];
    for (let n = 0; n < 20_000; n++) kept.push({ n, list: [n] });
  }
}

test('the space for new objects does not grow while it must not, and grows again afterwards', async () => {
  // Of the size that it has, V8 of Node 26 takes pages as they are needed.
  await withoutHeapGrowth(async () => makeObjects());
  const before = newSpace();
  await withoutHeapGrowth(async () => makeObjects());
  expect(newSpace()).toBe(before);
  makeObjects();
  expect(newSpace()).toBeGreaterThan(before);
});

test('memory that nobody uses is given back', () => {
  const kept = Array.from({ length: 50 }, (_, n) => Buffer.alloc(100_000, n));
  const blocks = Array.from({ length: 50_000 }, () => new Uint8Array(new ArrayBuffer(1000)).fill(1));
  const full = process.memoryUsage.rss();
  blocks.length = 0;
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  setFlagsFromString('--no-expose-gc');
  trimNativeMemory();
  expect(full - process.memoryUsage.rss()).toBeGreaterThan(10e6);
  expect(kept[7]![99_999]).toBe(7);
});
