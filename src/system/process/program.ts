/**
 * Calls about the program that a process runs, which Node does not offer on all its versions: execve(2), dup2(2), fcntl(2),
 * memfd_create(2).
 */

import { bind, check } from '../native.ts';

type Strings = readonly (string | null)[];

/** `fcntl.h`. */
const F_SETFD = 2;
/** `linux/memfd.h`. */
const MFD_CLOEXEC = 1;

/**
 * Runs another program in this process, which keeps its id. Does not return.
 * @param program absolute path
 * @param args the first is the program's name
 * @param descriptors what stays open; Node has marked all others to be closed, the standard streams too
 * @throws SystemError
 */
export function replaceProgram(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  descriptors: readonly number[],
): never {
  const execve = bind<(path: string, args: Strings, environment: Strings) => number>(
    'int execve(const char *, const char **, const char **)',
  );
  const fcntl = bind<(fd: number, command: number, flags: number) => number>('int fcntl(int, int, long)');
  for (const fd of descriptors) check(`fcntl ${fd}`, fcntl(fd, F_SETFD, 0));
  const variables = Object.entries(environment).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  check(`execve ${program}`, execve(program, [...args, null], [...variables, null]));
  throw new Error(`execve ${program}: returned`);
}

/** Lets descriptor `to` stand for what `from` stands for; closes what `to` stood for before. @throws SystemError */
export function duplicateDescriptor(from: number, to: number): void {
  const dup2 = bind<(from: number, to: number) => number>('int dup2(int, int)');
  check('dup2', dup2(from, to));
}

/** Opens an empty file without a name, in memory; returns its descriptor. @throws SystemError */
export function openMemoryFile(name: string): number {
  const memfdCreate = bind<(name: string, flags: number) => number>(
    'int memfd_create(const char *, unsigned int)',
  );
  return check('memfd_create', memfdCreate(name, MFD_CLOEXEC));
}
