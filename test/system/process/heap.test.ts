import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { limitNativeCaches, trimNativeMemory, withoutHeapGrowth } from '../../../src/system/process/heap.ts';

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
  expect(newSpace()).toBeLessThanOrEqual(before);
  makeObjects();
  expect(newSpace()).toBeGreaterThan(before);
});

test('it does not grow either when another such work ends first', async () => {
  await withoutHeapGrowth(async () => makeObjects());
  const before = newSpace();
  await withoutHeapGrowth(async () => {
    await withoutHeapGrowth(async () => {});
    makeObjects();
    makeObjects();
  });
  expect(newSpace()).toBeLessThanOrEqual(before);
});

/** Collects all garbage. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  setFlagsFromString('--no-expose-gc');
}

test('a large block that is freed goes back, whatever lies after it', async () => {
  const small: Buffer[] = [];
  const makeLarge = (count: number): Buffer[] =>
    Array.from({ length: count }, (_, n) => {
      small.push(Buffer.alloc(20_000, n));
      return Buffer.alloc(300_000, n + 1);
    });
  // malloc from now on keeps blocks of this size among the others.
  makeLarge(20).length = 0;
  collectGarbage();
  limitNativeCaches();
  const blocks = makeLarge(200);
  const full = process.memoryUsage.rss();
  blocks.length = 0;
  collectGarbage();
  // Another thread frees them.
  await expect.poll(() => full - process.memoryUsage.rss()).toBeGreaterThan(40e6);
  expect(small[7]![19_999]).toBe(7);
});

test('memory that nobody uses is given back', async () => {
  const kept = Array.from({ length: 50 }, (_, n) => Buffer.alloc(100_000, n));
  const blocks = Array.from({ length: 50_000 }, () => new Uint8Array(new ArrayBuffer(1000)).fill(1));
  const full = process.memoryUsage.rss();
  blocks.length = 0;
  collectGarbage();
  await expect
    .poll(() => {
      trimNativeMemory();
      return full - process.memoryUsage.rss();
    })
    .toBeGreaterThan(10e6);
  expect(kept[7]![99_999]).toBe(7);
});
