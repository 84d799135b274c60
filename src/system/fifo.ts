/** FIFOs, mkfifo(3). */

import { bind, check } from './native.ts';

let mkfifoCall: ((path: string, mode: number) => number) | undefined;

/** Makes a FIFO with this mode, less the process's umask. @throws SystemError with EEXIST if the name is taken */
export function mkfifo(path: string, mode: number): void {
  mkfifoCall ??= bind('int mkfifo(const char *, uint32_t)');
  check(`mkfifo ${path}`, mkfifoCall!(path, mode));
}
