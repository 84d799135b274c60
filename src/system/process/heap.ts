import { setFlagsFromString } from 'node:v8';
import { bind } from '../native.ts';

/** By how much V8 grows its space for new objects, each time that many of them live on: V8's default, and not at all. */
const USUAL_GROWTH = 2;
const NO_GROWTH = 1;

/** How many calls of {@link withoutHeapGrowth} have not ended. */
let workUnderWay = 0;

/**
 * Runs work that makes many objects of which none is to stay. V8 would grow its space for new objects to some 8 to 32 MB, which a
 * process that makes few objects afterwards keeps. Works that overlap count as one.
 */
export async function withoutHeapGrowth<T>(work: () => Promise<T>): Promise<T> {
  if (workUnderWay++ === 0) setFlagsFromString(`--semi-space-growth-factor=${NO_GROWTH}`);
  try {
    return await work();
  } finally {
    if (--workUnderWay === 0) setFlagsFromString(`--semi-space-growth-factor=${USUAL_GROWTH}`);
  }
}

/** The parameters of mallopt(3). */
const M_MMAP_THRESHOLD = -3;
const M_ARENA_MAX = -8;

/** Bytes from which on a block has pages of its own: malloc's default, which it raises with the first such block that is freed. */
const MMAP_THRESHOLD = 131_072;

/**
 * Lets malloc keep less memory for later. All threads share its main arena: each thread of V8's compiler would leave one of its own
 * behind. Large blocks for which it has no room get pages of their own, however many were freed before: these go back to the system
 * with the block, and take memory only where they are written to. Nothing happens where libc is not glibc.
 */
export function limitNativeCaches(): void {
  let setOption: (parameter: number, value: number) => number;
  try {
    setOption = bind('int mallopt(int, int)');
  } catch {
    return;
  }
  setOption(M_ARENA_MAX, 1);
  setOption(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
}

/** Gives back to the system what malloc keeps of freed memory; nothing happens where libc is not glibc, which keeps less. */
export function trimNativeMemory(): void {
  let trim: (keepBytes: number) => number;
  try {
    trim = bind('int malloc_trim(ulong)');
  } catch {
    return;
  }
  trim(0);
}
