/** System calls on files that Node does not offer: mkfifo(3), flock(2), utimensat(2) to the nanosecond. */

import { bind, check } from './native.ts';

export const LOCK_EX = 2;
export const LOCK_NB = 4;
const AT_FDCWD = -100;

let mkfifoCall: ((path: string, mode: number) => number) | undefined;
let utimensatCall:
  | ((folder: number, path: string, times: BigInt64Array, flags: number) => number)
  | undefined;
let flockCall: ((fd: number, operation: number) => number) | undefined;

/** Makes a FIFO with this mode, less the process's umask. @throws SystemError with EEXIST if the name is taken */
export function mkfifo(path: string, mode: number): void {
  mkfifoCall ??= bind('int mkfifo(const char *, uint32_t)');
  check(`mkfifo ${path}`, mkfifoCall!(path, mode));
}

/**
 * Sets when a file was read and changed, in nanoseconds since 1970; Node's `utimes` takes seconds as a double, which has a
 * precision of some 200 ns. @throws SystemError
 */
export function setFileTimes(path: string, nanoseconds: bigint): void {
  utimensatCall ??= bind('int utimensat(int, const char *, const void *, int)');
  // Two `struct timespec`, read and changed, of 64-bit Linux.
  const time = [nanoseconds / 1_000_000_000n, nanoseconds % 1_000_000_000n];
  const times = BigInt64Array.of(...time, ...time);
  check(`utimensat ${path}`, utimensatCall!(AT_FDCWD, path, times, 0));
}

/** Locks an open file (`LOCK_*`). @throws SystemError with EAGAIN if LOCK_NB is given and another holds it */
export function flock(fd: number, operation: number): void {
  flockCall ??= bind('int flock(int, int)');
  check('flock', flockCall!(fd, operation));
}
