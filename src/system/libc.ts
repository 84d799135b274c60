/**
 * The system calls that Node lacks, as thin functions over libc.
 *
 * This is the only module that loads koffi, and it does so when `libc()` is first called: importing the package loads
 * nothing native. Calls that set something up throw {@link SystemError}; calls that move data (`receive`, `sendTo` and
 * the rings) give a negative errno instead, since EAGAIN is an everyday answer there. Structures are laid out as on 64-bit
 * Linux, whatever its byte order.
 */

import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { LITTLE_ENDIAN } from '../bytes/endian.ts';
import { Errno } from './errno.ts';
import { type LoopCalls, PollLoop, type ReusableTimer, type WatchedFd } from './poll-loop.ts';
import { SystemError } from './system-error.ts';

export { LITTLE_ENDIAN } from '../bytes/endian.ts';

/** Constants of `sys/socket.h` and its neighbours (Linux; the same on every architecture named in the README). */
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const AF_NETLINK = 16;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_NO_CHECK = 11;
export const SO_RCVTIMEO = 20;
export const SO_SNDTIMEO = 21;
export const SO_BINDTODEVICE = 25;
export const SO_ATTACH_FILTER = 26;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
export const SOL_NETLINK = 270;
export const MSG_PEEK = 0x2;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const MSG_NOSIGNAL = 0x4000;
export const MSG_WAITFORONE = 0x10000;
export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const LOCK_UN = 8;
export const SCHED_OTHER = 0;
export const SCHED_FIFO = 1;
export const SCHED_RR = 2;
export const IFF_UP = 0x1;
export const IFF_RUNNING = 0x40;
export const CLONE_NEWNET = 0x40000000;

const SIOCGIFFLAGS = 0x8913;
const SIOCGIFMTU = 0x8921;
const IFNAMSIZ = 16;
const SIZEOF_IFREQ = 40;
const SIZEOF_SOCKADDR_UN = 110;
const SIZEOF_SOCK_FPROG = 16;
const SUN_PATH_MAX = 107;

/** The version whose undocumented `node.poll` was examined. */
const KOFFI_VERSION = '3.3.4';

interface PollHandle {
  start(events: { readable: boolean }, callback: (status: number) => void): void;
  stop(): void;
  close(): void;
}

type StartPoll = (
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
}

/** Waits for a descriptor to become readable, in Node's own event loop. */
export interface Watch {
  /** Stops calling back until `resume`. The descriptor then keeps neither the loop busy nor the process alive. */
  pause(): void;
  resume(): void;
  /** Ends the watch. Call it before the descriptor is closed. */
  close(): void;
}

type Call<A extends unknown[]> = (...args: A) => number;

function loadKoffi(): Koffi {
  if (process.platform !== 'linux') throw new Error(`needs Linux: this is ${process.platform}`);
  if (!['x64', 'arm64', 'riscv64', 'ppc64', 's390x', 'loong64'].includes(process.arch)) {
    throw new Error(`needs a 64-bit Linux: this is ${process.arch}`);
  }
  try {
    return createRequire(import.meta.url)('koffi') as Koffi;
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new Error(`cannot load koffi, which makes the system calls (run \`npm ci'): ${why}`);
  }
}

/** Calls back in the loop's next turn: a descriptor that is always readable is watched until then. */
function turnsOf(startPoll: StartPoll, alwaysReadable: number): (act: () => void) => void {
  const events = { readable: true };
  let handle: PollHandle | undefined;
  return (act) => {
    const onTurn = () => {
      handle?.stop();
      act();
    };
    if (handle === undefined) handle = startPoll(alwaysReadable, events, onTurn);
    else handle.start(events, onTurn);
  };
}

/** libuv's loop as the vigil needs it; undefined in other threads, and where Node does not show it. */
function mainLoop(
  bind: <T>(definition: string) => T,
  addressOf: (memory: ArrayBufferView) => number,
  startPoll: StartPoll | undefined,
): LoopCalls | undefined {
  // Deprecated in documentation only, and the one way to have ticks and microtasks run without leaving a callback.
  const settle = (process as unknown as { _tickCallback?: () => void })._tickCallback;
  if (!isMainThread || typeof settle !== 'function' || startPoll === undefined) return undefined;
  try {
    const loop = Number(bind<() => number | bigint>('int64_t uv_default_loop(void)')());
    const backendFd = bind<(of: number) => number>('int uv_backend_fd(int64_t)');
    const backendTimeout = bind<(of: number) => number>('int uv_backend_timeout(int64_t)');
    const updateTime = bind<(of: number) => void>('void uv_update_time(int64_t)');
    const eventfd = bind<(initial: number, flags: number) => number>('int eventfd(uint32_t, int)');
    const poll = bind<(vector: number, count: number, milliseconds: number) => number>(
      'int poll(int64_t, ulong, int)',
    );
    const readable = eventfd(1, SOCK_CLOEXEC);
    if (readable < 0) return undefined;
    return {
      pollOver: (vector) => {
        const at = addressOf(vector);
        return (count, milliseconds) => poll(at, count, milliseconds);
      },
      backend: backendFd(loop),
      backendTimeout: () => backendTimeout(loop),
      updateTime: () => updateTime(loop),
      drainMicrotasks: settle,
      onNextTurn: turnsOf(startPoll, readable),
    };
  } catch {
    return undefined;
  }
}

/** Text as bytes with a terminating NUL, in memory that does not move. */
function cString(text: string): Uint8Array {
  if (text.includes('\0')) throw new RangeError(`a NUL in \`${text.replaceAll('\0', '\\0')}'`);
  const bytes = new TextEncoder().encode(text);
  const buffer = new Uint8Array(new ArrayBuffer(bytes.length + 1));
  buffer.set(bytes);
  return buffer;
}

/** System calls by name; where nothing else is said, a failed one throws {@link SystemError}. */
export class Libc {
  private readonly koffi: Koffi;
  private readonly calls: {
    socket: Call<[number, number, number]>;
    close: Call<[number]>;
    bind: Call<[number, Uint8Array, number]>;
    connect: Call<[number, Uint8Array, number]>;
    getsockname: Call<[number, Uint8Array, Int32Array]>;
    setsockopt: Call<[number, number, number, Uint8Array, number]>;
    getsockopt: Call<[number, number, number, Uint8Array, Int32Array]>;
    sendto: Call<[number, Uint8Array, number, number, Uint8Array | null, number]>;
    recv: Call<[number, Uint8Array, number, number]>;
    recvmmsg: Call<[number, number, number, number, number]>;
    sendmsg: Call<[number, number, number]>;
    ioctl: Call<[number, number, 'uint8_t *', Uint8Array]>;
    if_nametoindex: Call<[string]>;
    if_indextoname: (index: number, name: Uint8Array) => unknown;
    flock: Call<[number, number]>;
    setns: Call<[number, number]>;
    sched_setscheduler: Call<[number, number, Int32Array]>;
    sched_get_priority_max: Call<[number]>;
    sched_get_priority_min: Call<[number]>;
    openlog: (ident: Uint8Array, option: number, facility: number) => void;
    syslog: (priority: number, format: string, type: 'str', text: string) => void;
    closelog: () => void;
    strerror: (errno: number) => string;
  };
  /** Handles that are being watched: one that is garbage-collected ends its callbacks without a word. */
  private readonly watched = new Set<PollHandle>();
  /** Waits in libuv's place, where that can be done. */
  readonly pollLoop: PollLoop | undefined;
  /** openlog keeps the pointer, so the text must stay. */
  private logIdent: Uint8Array | undefined;

  constructor() {
    this.koffi = loadKoffi();
    // The process itself has libc's symbols, whichever libc it is.
    const process = this.koffi.load(null);
    const bind = <T>(definition: string) => process.func(definition) as T;
    this.calls = {
      socket: bind('int socket(int, int, int)'),
      close: bind('int close(int)'),
      bind: bind('int bind(int, const uint8_t *, uint32_t)'),
      connect: bind('int connect(int, const uint8_t *, uint32_t)'),
      getsockname: bind('int getsockname(int, uint8_t *, int32_t *)'),
      setsockopt: bind('int setsockopt(int, int, int, const uint8_t *, uint32_t)'),
      getsockopt: bind('int getsockopt(int, int, int, uint8_t *, int32_t *)'),
      sendto: bind('long sendto(int, const uint8_t *, size_t, int, const uint8_t *, uint32_t)'),
      recv: bind('long recv(int, uint8_t *, size_t, int)'),
      recvmmsg: bind('int recvmmsg(int, int64_t, uint32_t, int, int64_t)'),
      sendmsg: bind('long sendmsg(int, int64_t, int)'),
      ioctl: bind('int ioctl(int, ulong, ...)'),
      if_nametoindex: bind('uint32_t if_nametoindex(const char *)'),
      if_indextoname: bind('void *if_indextoname(uint32_t, uint8_t *)'),
      flock: bind('int flock(int, int)'),
      setns: bind('int setns(int, int)'),
      sched_setscheduler: bind('int sched_setscheduler(int, int, const int32_t *)'),
      sched_get_priority_max: bind('int sched_get_priority_max(int)'),
      sched_get_priority_min: bind('int sched_get_priority_min(int)'),
      openlog: bind('void openlog(const uint8_t *, int, int)'),
      syslog: bind('void syslog(int, const char *, ...)'),
      closelog: bind('void closelog(void)'),
      strerror: bind('const char *strerror(int)'),
    };
    const loop = mainLoop(bind, (memory) => this.address(memory), this.koffi.node?.poll);
    this.pollLoop = loop && new PollLoop(loop);
  }

  private check(call: string, result: number): number {
    if (result < 0) throw this.error(call, this.koffi.errno());
    return result;
  }

  /** The error of a call that gave this errno. */
  error(call: string, errno: number): SystemError {
    return new SystemError(call, errno, this.calls.strerror(errno));
  }

  /** Opens a socket that programs started by this one do not inherit; returns its descriptor. */
  socket(domain: number, type: number, protocol: number): number {
    return this.check('socket', this.calls.socket(domain, type | SOCK_CLOEXEC, protocol));
  }

  close(fd: number): void {
    this.check('close', this.calls.close(fd));
  }

  bind(fd: number, address: Uint8Array): void {
    this.check('bind', this.calls.bind(fd, address, address.length));
  }

  connect(fd: number, address: Uint8Array): void {
    this.check('connect', this.calls.connect(fd, address, address.length));
  }

  /** The address the socket is bound to, a `struct sockaddr_*` in bytes. */
  getsockname(fd: number): Uint8Array {
    const address = new Uint8Array(128);
    const length = Int32Array.of(address.length);
    this.check('getsockname', this.calls.getsockname(fd, address, length));
    return address.subarray(0, length[0]);
  }

  setsockoptInt(fd: number, level: number, name: number, value: number): void {
    this.setsockoptBytes(fd, level, name, new Uint8Array(Int32Array.of(value).buffer));
  }

  setsockoptBytes(fd: number, level: number, name: number, value: Uint8Array): void {
    this.check('setsockopt', this.calls.setsockopt(fd, level, name, value, value.length));
  }

  getsockoptInt(fd: number, level: number, name: number): number {
    const value = new Int32Array(1);
    const length = Int32Array.of(4);
    this.check('getsockopt', this.calls.getsockopt(fd, level, name, new Uint8Array(value.buffer), length));
    return value[0]!;
  }

  /** Lets reads, or writes, of a socket fail with EAGAIN after so many milliseconds; 0 for never. */
  setTimeout(fd: number, name: typeof SO_RCVTIMEO | typeof SO_SNDTIMEO, milliseconds: number): void {
    const time = BigInt64Array.of(
      BigInt(Math.trunc(milliseconds / 1000)),
      BigInt(Math.round((milliseconds % 1000) * 1000)),
    );
    this.setsockoptBytes(fd, SOL_SOCKET, name, new Uint8Array(time.buffer));
  }

  /**
   * Attaches a classic BPF program to a socket (`SO_ATTACH_FILTER`). `program` is its instructions, 8 bytes each as in
   * `struct sock_filter`: code (u16), jt (u8), jf (u8), k (u32), in this machine's byte order.
   */
  attachFilter(fd: number, program: Uint8Array): void {
    if (program.length === 0 || program.length % 8 !== 0) {
      throw new RangeError(
        `a BPF program is a whole number of 8-byte instructions, not ${program.length} bytes`,
      );
    }
    // struct sock_fprog (u16 length, padding, pointer), and behind it in the same memory what it points to.
    const memory = new ArrayBuffer(SIZEOF_SOCK_FPROG + program.length);
    const bytes = new Uint8Array(memory);
    bytes.set(program, SIZEOF_SOCK_FPROG);
    new Uint16Array(memory)[0] = program.length / 8;
    new BigUint64Array(memory)[1] = BigInt(this.address(bytes) + SIZEOF_SOCK_FPROG);
    this.check(
      'setsockopt SO_ATTACH_FILTER',
      this.calls.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, bytes, SIZEOF_SOCK_FPROG),
    );
  }

  /** Sends `bytes[0, length)`, to `address` if one is given. Returns the bytes sent or a negative errno. */
  sendTo(fd: number, bytes: Uint8Array, length: number, flags: number, address: Uint8Array | null): number {
    for (;;) {
      const sent = this.calls.sendto(
        fd,
        bytes,
        length,
        flags,
        address,
        address === null ? 0 : address.length,
      );
      if (sent >= 0) return sent;
      const errno = this.koffi.errno();
      if (errno !== Errno.EINTR) return -errno;
    }
  }

  /** Reads once into `bytes`. Returns the bytes read (with MSG_TRUNC: the datagram's size) or a negative errno. */
  receive(fd: number, bytes: Uint8Array, flags: number): number {
    for (;;) {
      const read = this.calls.recv(fd, bytes, bytes.length, flags);
      if (read >= 0) return read;
      const errno = this.koffi.errno();
      if (errno !== Errno.EINTR) return -errno;
    }
  }

  /**
   * recvmmsg over a vector of `struct mmsghdr` at this address; messages received or a negative errno. For
   * {@link ReceiveRing}.
   */
  receiveMany(fd: number, headers: number, count: number, flags: number): number {
    for (;;) {
      const read = this.calls.recvmmsg(fd, headers, count, flags, 0);
      if (read >= 0) return read;
      const errno = this.koffi.errno();
      if (errno !== Errno.EINTR) return -errno;
    }
  }

  /** sendmsg of the `struct msghdr` at this address; the bytes sent or a negative errno. For {@link SendTrain}. */
  sendMessage(fd: number, header: number, flags: number): number {
    for (;;) {
      const sent = this.calls.sendmsg(fd, header, flags);
      if (sent >= 0) return sent;
      const errno = this.koffi.errno();
      if (errno !== Errno.EINTR) return -errno;
    }
  }

  /**
   * Where memory that C is to reach through a pointer begins; it must not lie in V8's heap, as a small typed array of no
   * buffer of its own would. Valid as long as `memory` is referenced. A number costs a call half of what the memory itself costs it.
   */
  address(memory: ArrayBufferView): number {
    const address = Number(this.koffi.address(memory));
    if (!Number.isSafeInteger(address)) throw new RangeError(`an address of more than 53 bits: ${address}`);
    return address;
  }

  /** Index of a network interface. */
  ifNameToIndex(name: string): number {
    const index = this.calls.if_nametoindex(name);
    if (index === 0) throw this.error(`if_nametoindex ${name}`, this.koffi.errno());
    return index;
  }

  ifIndexToName(index: number): string {
    const name = new Uint8Array(IFNAMSIZ);
    if (this.calls.if_indextoname(index, name) === null) {
      throw this.error(`if_indextoname ${index}`, this.koffi.errno());
    }
    return new TextDecoder().decode(name.subarray(0, name.indexOf(0)));
  }

  private interfaceRequest(call: string, request: number, name: string): DataView {
    const encoded = new TextEncoder().encode(name);
    if (encoded.length >= IFNAMSIZ) {
      throw new RangeError(`interface name \`${name}' is longer than ${IFNAMSIZ - 1} bytes`);
    }
    const ifreq = new Uint8Array(SIZEOF_IFREQ);
    ifreq.set(encoded);
    const fd = this.socket(AF_INET, SOCK_DGRAM, 0);
    try {
      this.check(`${call} ${name}`, this.calls.ioctl(fd, request, 'uint8_t *', ifreq));
    } finally {
      this.close(fd);
    }
    return new DataView(ifreq.buffer);
  }

  /** MTU of a network interface in bytes. */
  interfaceMtu(name: string): number {
    return this.interfaceRequest('SIOCGIFMTU', SIOCGIFMTU, name).getInt32(IFNAMSIZ, LITTLE_ENDIAN);
  }

  /** `IFF_*` flags of a network interface. */
  interfaceFlags(name: string): number {
    return this.interfaceRequest('SIOCGIFFLAGS', SIOCGIFFLAGS, name).getUint16(IFNAMSIZ, LITTLE_ENDIAN);
  }

  /** Locks an open file (`LOCK_*`). @throws SystemError with EAGAIN if LOCK_NB is given and another holds it. */
  flock(fd: number, operation: number): void {
    this.check('flock', this.calls.flock(fd, operation));
  }

  /** Moves the calling thread into another namespace, an open file of `/run/netns` (for laboratories). */
  setns(fd: number, kind: number): void {
    this.check('setns', this.calls.setns(fd, kind));
  }

  /** Sets this process's scheduling policy (`SCHED_*`) and its priority. */
  setScheduler(policy: number, priority: number): void {
    this.check('sched_setscheduler', this.calls.sched_setscheduler(0, policy, Int32Array.of(priority)));
  }

  schedulerPriorityMax(policy: number): number {
    return this.check('sched_get_priority_max', this.calls.sched_get_priority_max(policy));
  }

  schedulerPriorityMin(policy: number): number {
    return this.check('sched_get_priority_min', this.calls.sched_get_priority_min(policy));
  }

  /** Opens the system log: `LOG_*` options and facility as in `syslog.h`. */
  openlog(ident: string, option: number, facility: number): void {
    const text = cString(ident);
    this.calls.openlog(text, option, facility);
    this.logIdent = text;
  }

  syslog(priority: number, text: string): void {
    this.calls.syslog(priority, '%s', 'str', text.replaceAll('\0', ' '));
  }

  closelog(): void {
    this.calls.closelog();
    this.logIdent = undefined;
  }

  /** True between `openlog` and `closelog`. */
  get logOpen(): boolean {
    return this.logIdent !== undefined;
  }

  /**
   * Sends one datagram to a UNIX datagram socket, such as systemd's NOTIFY_SOCKET. A path that begins with `@` is an
   * abstract one (unix(7)).
   */
  sendToUnix(path: string, bytes: Uint8Array): void {
    const name = new TextEncoder().encode(path);
    if (name.length === 0 || name.length > SUN_PATH_MAX) {
      throw new RangeError(`the path of a UNIX socket has 1 to ${SUN_PATH_MAX} bytes: \`${path}'`);
    }
    const abstract = path.startsWith('@');
    if (abstract) name[0] = 0;
    const address = new Uint8Array(SIZEOF_SOCKADDR_UN);
    new DataView(address.buffer).setUint16(0, AF_UNIX, LITTLE_ENDIAN);
    address.set(name, 2);
    const fd = this.socket(AF_UNIX, SOCK_DGRAM, 0);
    try {
      // An abstract name is as long as the address says; a path ends in NUL.
      const to = address.subarray(0, 2 + name.length + (abstract ? 0 : 1));
      const sent = this.sendTo(fd, bytes, bytes.length, MSG_NOSIGNAL, to);
      if (sent < 0) throw this.error(`sendto ${path}`, -sent);
    } finally {
      this.close(fd);
    }
  }

  /**
   * Calls `ready` as often as the loop finds `fd` readable, or in error: the reader then sees the error itself.
   * @throws Error if this koffi has no `node.poll`.
   */
  watchReadable(fd: number, ready: () => void): Watch {
    const poll = this.koffi.node?.poll;
    if (typeof poll !== 'function') {
      throw new Error(
        `koffi ${this.koffi.version} has no node.poll to wait for a descriptor with: version ${KOFFI_VERSION} is needed`,
      );
    }
    const events = { readable: true };
    let watching = true;
    let closed = false;
    const { pollLoop } = this;
    const watched: WatchedFd = { fd, ready, active: true };
    pollLoop?.add(watched);
    const onPoll = (status: number) => {
      ready();
      pollLoop?.run();
      // libuv ends a poll that reports an error (POLLERR, as ENOBUFS does on netlink); the reader has taken the error now.
      if (status !== 0 && watching && !closed) handle.start(events, onPoll);
    };
    const handle = poll(fd, events, onPoll);
    this.watched.add(handle);
    return {
      pause: () => {
        if (!closed && watching) handle.stop();
        watching = false;
        watched.active = false;
      },
      resume: () => {
        if (!closed && !watching) handle.start(events, onPoll);
        watching = true;
        watched.active = !closed;
      },
      close: () => {
        if (closed) return;
        closed = true;
        pollLoop?.remove(watched);
        handle.close();
        this.watched.delete(handle);
      },
    };
  }
}

let loaded: Libc | undefined;

/** An alarm of the vigil's, which keeps the process alive while it is set; undefined where there is no vigil. */
export function loopTimer(act: () => void): ReusableTimer | undefined {
  return loaded?.pollLoop?.timer(act);
}

/**
 * The system calls; loads koffi when first called.
 * @throws Error in one line where this is no 64-bit Linux, or koffi is missing
 */
export function libc(): Libc {
  loaded ??= new Libc();
  return loaded;
}
