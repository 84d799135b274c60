/**
 * Functions of the C library and of the node binary, called through koffi. This is the only module that names koffi, and it
 * loads it when the first function is bound: importing the package loads nothing native.
 *
 * Structures are laid out as on 64-bit Linux, whatever its byte order. A subject that makes system calls has a module of its
 * own beside this one, and binds what it calls when it is first used.
 */

import { createRequire } from 'node:module';
import { SystemError } from './system-error.ts';

/** The version whose undocumented `node.poll` was examined. */
const KOFFI_VERSION = '3.3.4';

/** A descriptor that libuv watches. One that is garbage-collected ends its callbacks without a word: keep it. */
export interface PollHandle {
  start(events: { readable: boolean }, callback: (status: number) => void): void;
  stop(): void;
  close(): void;
}

export type StartPoll = (
  fd: number,
  events: { readable: boolean },
  callback: (status: number) => void,
) => PollHandle;

interface Koffi {
  readonly version: string;
  readonly node?: { readonly poll?: StartPoll };
  load(path: string | null): { func(definition: string): (...args: unknown[]) => unknown };
  errno(): number;
  address(value: ArrayBufferView): bigint;
  view(address: bigint, length: number): ArrayBuffer;
}

interface Loaded {
  readonly koffi: Koffi;
  /** The process itself: it has libc's symbols, whichever libc it is, and libuv's. */
  readonly process: ReturnType<Koffi['load']>;
}

let loaded: Loaded | undefined;

function load(): Loaded {
  if (process.platform !== 'linux') throw new Error(`needs Linux: this is ${process.platform}`);
  if (!['x64', 'arm64', 'riscv64', 'ppc64', 's390x', 'loong64'].includes(process.arch)) {
    throw new Error(`needs a 64-bit Linux: this is ${process.arch}`);
  }
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    return { koffi, process: koffi.load(null) };
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new Error(`cannot load koffi, which makes the system calls (run \`npm ci'): ${why}`);
  }
}

function native(): Loaded {
  loaded ??= load();
  return loaded;
}

/** Whether a function was bound already. */
export function isNativeLoaded(): boolean {
  return loaded !== undefined;
}

/**
 * Binds a function of this process by its C prototype; an address travels as `int64_t`.
 * @throws Error in one line where this is no 64-bit Linux, koffi is missing, or the process has no such function
 */
export function bind<T>(prototype: string): T {
  return native().process.func(prototype) as T;
}

/** errno of the last call. */
export function lastErrno(): number {
  return loaded!.koffi.errno();
}

/**
 * The address of memory outside V8's heap, for {@link NativeMemory} alone, which keeps the memory with it.
 * @throws RangeError for an address of more than 53 bits
 */
export function addressOf(memory: ArrayBufferView): number {
  const address = Number(native().koffi.address(memory));
  if (!Number.isSafeInteger(address)) throw new RangeError(`an address of more than 53 bits: ${address}`);
  return address;
}

/**
 * The memory of this process at an address, for `MappedMemory` alone, which knows how long it is there: whoever touches it after
 * that ends the process.
 */
export function memoryAt(address: number, bytes: number): ArrayBuffer {
  return native().koffi.view(BigInt(address), bytes);
}

/** libuv's poll handles, which koffi offers. @throws Error if this koffi has no `node.poll` */
export function startPoll(): StartPoll {
  const { koffi } = native();
  const poll = koffi.node?.poll;
  if (typeof poll === 'function') return poll;
  throw new Error(
    `koffi ${koffi.version} has no node.poll to wait for a descriptor with: version ${KOFFI_VERSION} is needed`,
  );
}

let strerror: ((errno: number) => string) | undefined;

/** The error of a call that gave this errno. */
export function systemError(call: string, errno: number): SystemError {
  strerror ??= bind<(errno: number) => string>('const char *strerror(int)');
  return new SystemError(call, errno, strerror(errno));
}

/** The result of a call. @throws SystemError if it is negative */
export function check(call: string, result: number): number {
  if (result < 0) throw systemError(call, lastErrno());
  return result;
}
