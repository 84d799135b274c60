/** Locks on open files, flock(2). */

import { bind, check } from './native.ts';

export const LOCK_EX = 2;
export const LOCK_NB = 4;

let flockCall: ((fd: number, operation: number) => number) | undefined;

/** Locks an open file (`LOCK_*`). @throws SystemError with EAGAIN if LOCK_NB is given and another holds it */
export function flock(fd: number, operation: number): void {
  flockCall ??= bind('int flock(int, int)');
  check('flock', flockCall!(fd, operation));
}
