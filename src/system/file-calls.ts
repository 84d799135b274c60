/** System calls on files that Node does not offer: mkfifo(3), flock(2). */

import { bind, check } from './native.ts';

export const LOCK_EX = 2;
export const LOCK_NB = 4;

let mkfifoCall: ((path: string, mode: number) => number) | undefined;
let flockCall: ((fd: number, operation: number) => number) | undefined;

/** Makes a FIFO with this mode, less the process's umask. @throws SystemError with EEXIST if the name is taken */
export function mkfifo(path: string, mode: number): void {
  mkfifoCall ??= bind('int mkfifo(const char *, uint32_t)');
  check(`mkfifo ${path}`, mkfifoCall!(path, mode));
}

/** Locks an open file (`LOCK_*`). @throws SystemError with EAGAIN if LOCK_NB is given and another holds it */
export function flock(fd: number, operation: number): void {
  flockCall ??= bind('int flock(int, int)');
  check('flock', flockCall!(fd, operation));
}
