import { getSystemErrorName } from 'node:util';

/** A system call failed. The message reads like `bind: Address already in use (EADDRINUSE)`. */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  /** Name of the call. */
  readonly call: string;
  /** Positive errno. */
  readonly errno: number;

  constructor(call: string, errno: number, text: string) {
    super(`${call}: ${text} (${errnoName(errno)})`);
    this.call = call;
    this.errno = errno;
  }
}

/** The errno's symbol such as `EADDRINUSE`, or `errno 4242` where it has none. */
function errnoName(errno: number): string {
  if (!Number.isInteger(errno) || errno <= 0) return `errno ${errno}`;
  const name = getSystemErrorName(-errno);
  return name.startsWith('Unknown') ? `errno ${errno}` : name;
}
