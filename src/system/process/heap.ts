import { setFlagsFromString } from 'node:v8';
import { bind } from '../native.ts';

/** By how much V8 grows its space for new objects, each time that many of them live on: V8's default, and not at all. */
const USUAL_GROWTH = 2;
const NO_GROWTH = 1;

/**
 * Runs work that makes many objects of which none is to stay. V8 would grow its space for new objects to some 16 to 32 MB, which a
 * process that makes few objects afterwards keeps.
 */
export async function withoutHeapGrowth<T>(work: () => Promise<T>): Promise<T> {
  setFlagsFromString(`--semi-space-growth-factor=${NO_GROWTH}`);
  try {
    return await work();
  } finally {
    setFlagsFromString(`--semi-space-growth-factor=${USUAL_GROWTH}`);
  }
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
